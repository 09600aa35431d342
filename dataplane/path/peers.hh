// SPDX-License-Identifier: BSD-3-Clause
// What the workers of one process know of each other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "dataplane/base/clock.hh"
#include "dataplane/path/fragment_table.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::path {

/// The fragment tables of a process's workers by number, for each other to read. (Their flow
/// tables: WorkerContext::relatives.) A NIC spreads whole packets by ports, but fragments and ICMP
/// errors by addresses only: they come to a worker that does not have their flow.
class Peers {
 public:
  /// `table` must stay until every worker has finished the burst after remove(). One thread.
  void set(unsigned worker, const FragmentTable* table) {
    table_[worker].store(table, std::memory_order_release);
  }
  void remove(unsigned worker) { set(worker, nullptr); }

  /// What some worker but `self` knows of a datagram. Any worker.
  [[nodiscard]] std::optional<FirstFragment> find(
      unsigned self, std::uint64_t datagram, base::Nanoseconds now
  ) const {
    for (unsigned worker = 0; worker < FL_MAX_WORKERS; ++worker) {
      const FragmentTable* const table = table_[worker].load(std::memory_order_acquire);
      if (table == nullptr || worker == self) continue;
      if (const auto found = table->find(datagram, now)) return found;
    }
    return std::nullopt;
  }

  /// A flow was entered from a fragment: its whole packets may come to another worker, which from
  /// now on looks at its peers before it decides on a UDP flow. Any worker.
  void note_fragment_flow(base::Nanoseconds now) {
    fragment_flow_ns_.store(now, std::memory_order_release);
  }
  /// When that happened last; 0: never.
  [[nodiscard]] base::Nanoseconds fragment_flow_ns() const {
    return fragment_flow_ns_.load(std::memory_order_acquire);
  }

 private:
  std::array<std::atomic<const FragmentTable*>, FL_MAX_WORKERS> table_{};
  std::atomic<base::Nanoseconds> fragment_flow_ns_{0};
};

}  // namespace fairlead::path
