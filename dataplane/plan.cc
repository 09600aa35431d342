// SPDX-License-Identifier: BSD-3-Clause
// How much of what EAL gets: computed from ports and workers before it starts.
#include <algorithm>
#include <map>

#include "dataplane/device.hh"
#include "dataplane/forward.hh"
#include "dataplane/kernel_neighbours.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::dataplane {
namespace {

// Room for ports that are added later, where memory cannot grow: with ordinary pages it is address
// space only until it is used.
constexpr std::uint32_t kSpareMb = 64;

bool use_hugepages(const config::Config& config, const Options& options, unsigned wanted_mb) {
  Hugepages choice = Hugepages::kAuto;
  if (config.memory.hugepages == config::Hugepages::kOn) choice = Hugepages::kOn;
  if (config.memory.hugepages == config::Hugepages::kOff) choice = Hugepages::kOff;
  choice = options.hugepages.value_or(choice);
  if (choice == Hugepages::kAuto) return free_hugepage_mb() >= wanted_mb;
  return choice == Hugepages::kOn;
}

}  // namespace

std::vector<unsigned> worker_cores(
    const config::Workers& workers, const std::vector<unsigned>& allowed
) {
  std::vector<unsigned> cores = workers.cores;
  std::map<unsigned, unsigned> load;
  for (const unsigned core : allowed) load[core] = 0;
  for (const unsigned core : cores) ++load[core];
  while (cores.size() < workers.most) {
    const auto least = std::min_element(
        allowed.begin(), allowed.end(), [&](unsigned a, unsigned b) { return load[a] < load[b]; }
    );
    cores.push_back(*least);
    ++load[*least];
  }
  return cores;
}

base::Result<EalPlan> make_plan(const config::Config& config, const Options& options) {
  if (config.ports.empty()) {
    return base::invalid(
        config.file +
        ": ports: none; list at least one, e.g. "
        "- {device: \"net_af_xdp0,iface=eth0\"}"
    );
  }
  EalPlan plan;
  plan.file_prefix = "fl_" + config.node.id;
  FL_TRY(check_cores(worker_cores(config.workers, allowed_cpus()), allowed_cpus()));
  std::uint64_t buffers = kMainBuffers;
  for (const model::Port& port : config.ports) {
    if (const auto interface = kernel_interface_of(port.device))
      FL_TRY(kernel_interface(*interface));
    const QueueCount count{config.workers.most, config.workers.count};
    FL_ASSIGN(const unsigned queues, queues_of(port.device, count));
    buffers += std::uint64_t{queues} * size_queue(port.device, {}, 0).buffers;
    for (auto& device : queue_devices(port.device, queues)) {
      plan.devices.push_back(std::move(device));
    }
    if (port.punt_tap.empty()) continue;
    buffers += kTapBuffers;
    const auto number = static_cast<unsigned>(&port - config.ports.data());
    plan.devices.push_back(Tap::device(number, port.punt_tap));
  }
  plan.memory_mb = (buffer_memory_mb(buffers) + 1) / 2 * 2;
  plan.hugepages = use_hugepages(config, options, plan.memory_mb);
  sys::log_info(
      "plan workers=" + std::to_string(config.workers.count) +
      " workers_max=" + std::to_string(config.workers.most) +
      " ports=" + std::to_string(config.ports.size()) + " buffers=" + std::to_string(buffers) +
      " buffer_memory_mb=" + std::to_string(plan.memory_mb) + " hugepages=" +
      (plan.hugepages ? "on" : "off") + " hugepages_free_mb=" + std::to_string(free_hugepage_mb())
  );
  if (!plan.hugepages) plan.memory_mb += kSpareMb;
  plan.extra = options.eal;
  return plan;
}

}  // namespace fairlead::dataplane
