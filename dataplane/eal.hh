// SPDX-License-Identifier: BSD-3-Clause
// Starting DPDK's environment (EAL) with arguments chosen here, and saying plainly why it fails.
#pragma once

#include <string>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::dataplane {

/// What the process needs from EAL. One EAL per process; several processes share a host.
struct EalPlan {
  std::string file_prefix;           // names the files in /var/run/dpdk; one per node
  bool hugepages = false;            // false: ordinary pages (--no-huge)
  unsigned memory_mb = 64;           // mbuf pools and rings
  std::vector<std::string> devices;  // DPDK device strings, PCI or virtual
  std::vector<std::string> extra;    // from --eal, last, so they win
};

/// True for "0000:3b:00.0", "3b:00.0" and the same with ",args" behind.
bool is_pci_device(const std::string& device);

/// argv for rte_eal_init. The two memory modes exclude each other in DPDK 22.11:
/// hugepages: --in-memory (nothing is left in hugetlbfs after SIGKILL); ordinary pages:
/// --no-huge --no-shconf (docs/dataplane-process.md).
std::vector<std::string> eal_arguments(
    const EalPlan& plan, const std::vector<unsigned>& allowed_cpus
);

/// The CPUs this process may run on.
std::vector<unsigned> allowed_cpus();

/// Every worker core exists and is allowed to us; else an error that names the key.
base::Result<void> check_cores(
    const std::vector<unsigned>& cores, const std::vector<unsigned>& allowed
);

/// Free 2 MiB pages (or 0), in MiB.
unsigned free_hugepage_mb();

/// What rte_eal_init printed and returned, turned into one sentence with a remedy.
base::Error eal_error(const std::string& log, int rte_error, const EalPlan& plan);

/// EAL from start to clean-up. Main thread; at most one object in a process's life.
class Eal {
 public:
  static base::Result<Eal> start(const EalPlan& plan, bool verbose);
  Eal(Eal&& other) noexcept : running_(std::exchange(other.running_, false)) {}
  Eal& operator=(Eal&&) = delete;
  /// Frees EAL's memory and removes its runtime folder, which EAL itself leaves behind.
  ~Eal();

 private:
  Eal() = default;
  bool running_ = true;
};

}  // namespace fairlead::dataplane
