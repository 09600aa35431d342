// SPDX-License-Identifier: BSD-3-Clause
// A worker: one thread on one core that takes packets from its queues through the stages and out
// again, and shares nothing that it writes with any other worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/cycle_clock.hh"
#include "dataplane/idle.hh"
#include "dataplane/mailbox.hh"
#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"
#include "dataplane/port.hh"
#include "dataplane/punt.hh"
#include "dataplane/shm/publication.hh"

namespace fairlead::dataplane {

/// A worker's end of one port. The main thread keeps the other ends of box and rings.
struct WorkerPort {
  Queue queue;
  PuntPath punt = PuntPath::kNone;
  Mailbox<path::NextHops>* hops = nullptr;
  PacketRing* to_main = nullptr;    // null with PuntPath::kNone
  PacketRing* from_main = nullptr;  // frames the main thread wants sent here; null: none
  path::NextHops now{};             // what was last taken from `hops`
};

/// Runs to completion: refresh table -> receive -> stages -> transmit -> count. In the loop there
/// is no allocation, lock, log or system call, except sleeping when idle and one vDSO clock read
/// every 10 ms.
class Worker {
 public:
  struct Setup {
    unsigned number = 0;
    unsigned core = 0;
    std::vector<WorkerPort> ports;
    shm::GenerationReader tables;
    flow::FlowTable flows;
    fl_worker_page* page = nullptr;
    const fl_scores* scores = nullptr;
    std::uint32_t decisions = 0;  // capacity of the decision sink, a power of two; 0: no log
    IdleBackoff idle{64, 20'000, 200'000};
    std::uint64_t tsc_hz = 0;
  };
  explicit Worker(Setup setup);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // --- worker thread only ---
  /// Forwards until stop(); before it returns it empties its receive queues.
  void run();

  // --- main thread ---
  void stop() { stopping_.store(true, std::memory_order_relaxed); }
  /// Consumer end only.
  [[nodiscard]] path::DecisionSink& decisions() { return decisions_; }
  [[nodiscard]] const fl_worker_page& page() const { return *context_.page; }
  /// The steering region was replaced: go on with this one. False: ask again later. The old
  /// region must stay mapped.
  [[nodiscard]] bool offer_tables(const shm::GenerationReader& tables) {
    return new_tables_.offer(tables);
  }

 private:
  void start();
  void refresh_table();
  void change_region();
  unsigned poll(std::uint64_t cycles);
  unsigned serve(WorkerPort& port);
  void transmit(WorkerPort& port, rte_mbuf** packets, unsigned count);
  void punt(WorkerPort& port, rte_mbuf* packet);
  void send_for_main(WorkerPort& port);
  void beat(std::uint64_t cycles);

  std::atomic<bool> stopping_{false};
  path::DecisionSink decisions_;
  Mailbox<shm::GenerationReader> new_tables_;
  unsigned core_;
  std::vector<WorkerPort> ports_;
  shm::GenerationReader tables_;
  path::WorkerContext context_;
  CycleClock clock_;
  IdleBackoff idle_;
  std::uint64_t tsc_hz_;
  path::Burst burst_;
};

}  // namespace fairlead::dataplane
