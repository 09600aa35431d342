// SPDX-License-Identifier: BSD-3-Clause
// EAL arguments, start, diagnosis, clean-up.
#include "dataplane/eal.hh"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>

#include <sched.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "dataplane/captured_stderr.hh"

namespace fairlead::dataplane {
namespace {

std::string join(const std::vector<unsigned>& numbers) {
  std::string text;
  for (const unsigned n : numbers) text += (text.empty() ? "" : ",") + std::to_string(n);
  return text;
}

// EAL's folder of this process, .../dpdk/<file prefix>; EAL leaves it behind.
void remove_runtime_folder(const std::string& folder) {
  if (folder.find("/dpdk/") == std::string::npos) return;
  std::error_code ignored;  // another user's, or already gone
  std::filesystem::remove_all(folder, ignored);
}

bool has(const std::string& log, const char* words) {
  return log.find(words) != std::string::npos;
}

}  // namespace

bool is_pci_device(const std::string& device) {
  static const std::regex pci("^([0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7](,.*)?$");
  return std::regex_match(device, pci);
}

std::vector<std::string> eal_arguments(const EalPlan& plan, const std::vector<unsigned>& allowed) {
  // Lcore 0 is the main thread and floats over all CPUs we may use; it sleeps most of the time.
  // Workers are threads of our own that EAL learns of when they start.
  const std::string lcores = "0@(" + join(allowed) + ")";
  std::vector<std::string> args = {"fairlead-dataplane", "--lcores", lcores};
  args.insert(args.end(), {"-m", std::to_string(plan.memory_mb)});
  if (plan.hugepages) {
    args.emplace_back("--in-memory");
  } else {
    args.insert(args.end(), {"--no-huge", "--no-shconf"});
  }
  args.insert(args.end(), {"--file-prefix", plan.file_prefix, "--no-telemetry"});
  bool any_pci = false;
  for (const std::string& device : plan.devices) {
    const bool pci = is_pci_device(device);
    any_pci = any_pci || pci;
    args.emplace_back(pci ? "--allow" : "--vdev");
    args.push_back(device);
  }
  if (!any_pci) args.emplace_back("--no-pci");
  args.insert(args.end(), plan.extra.begin(), plan.extra.end());
  return args;
}

std::vector<unsigned> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) cpus.push_back(i);
  }
  return cpus;
}

base::Result<void> check_cores(
    const std::vector<unsigned>& cores, const std::vector<unsigned>& allowed
) {
  for (const unsigned core : cores) {
    if (std::find(allowed.begin(), allowed.end(), core) != allowed.end()) continue;
    return base::invalid(
        "workers.cores: core " + std::to_string(core) +
        " is not there or not allowed to this process; choose among " + join(allowed)
    );
  }
  return {};
}

unsigned free_hugepage_mb() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  unsigned pages = 0;
  file >> pages;
  return file ? pages * 2 : 0;
}

base::Error eal_error(const std::string& log, int rte_error, const EalPlan& plan) {
  using base::ErrorCode;
  if (plan.hugepages &&
      (has(log, "hugepage") || has(log, "Cannot init memory") || rte_error == ENOMEM)) {
    return {
        ErrorCode::kResourceExhausted,
        "hugepages: " + std::to_string(plan.memory_mb) + " MiB wanted, " +
            std::to_string(free_hugepage_mb()) + " MiB free; run 'sysctl vm.nr_hugepages=" +
            std::to_string(plan.memory_mb / 2 + 16) + "' or set memory.hugepages: off"};
  }
  if (has(log, "ermission denied") || has(log, "not permitted") || rte_error == EACCES) {
    return {
        ErrorCode::kPermissionDenied,
        "permissions: DPDK may not use a device or its runtime folder; run as root or give "
        "CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_IPC_LOCK (" +
            telling_line(log) + ")"};
  }
  if (has(log, "failed to parse device") || has(log, "ailed to probe") ||
      has(log, "Cannot probe") || has(log, "bus_probe") || has(log, "Bus (")) {
    std::string names;
    for (const std::string& d : plan.devices) names += (names.empty() ? "'" : ", '") + d + "'";
    return {
        ErrorCode::kInvalidArgument,
        "ports[].device: DPDK cannot open " + names +
            "; check driver name, interface and "
            "address (" +
            telling_line(log) + ")"};
  }
  if (has(log, "Invalid 'command line' arguments")) {
    return {
        ErrorCode::kInvalidArgument,
        "--eal: DPDK refuses an argument; give what dpdk-testpmd takes too (" + telling_line(log) +
            ")"};
  }
  return {
      ErrorCode::kFailedPrecondition,
      "DPDK does not start: " + (log.empty() ? rte_strerror(rte_error) : telling_line(log)) +
          "; --verbose shows its whole log"};
}

base::Result<Eal> Eal::start(const EalPlan& plan, bool verbose) {
  std::vector<std::string> args = eal_arguments(plan, allowed_cpus());
  std::vector<char*> argv;
  for (std::string& a : args) argv.push_back(a.data());
  CapturedStderr captured;
  rte_log_set_global_level(RTE_LOG_NOTICE);
  const int result = rte_eal_init(static_cast<int>(argv.size()), argv.data());
  const int error = rte_errno;
  const std::string log = captured.restore();
  if (verbose) std::fputs(log.c_str(), stderr);
  if (result < 0) {
    remove_runtime_folder(rte_eal_get_runtime_dir());
    return tl::unexpected<base::Error>(eal_error(log, error, plan));
  }
  return Eal();
}

Eal::~Eal() {
  if (!running_) return;
  const std::string folder = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  remove_runtime_folder(folder);
}

}  // namespace fairlead::dataplane
