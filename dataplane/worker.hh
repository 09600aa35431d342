// SPDX-License-Identifier: BSD-3-Clause
// A worker: one thread on one core that takes packets from its queues through the stages and out
// again, and shares nothing that it writes with any other worker.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/capture_tap.hh"
#include "dataplane/cycle_clock.hh"
#include "dataplane/idle.hh"
#include "dataplane/mailbox.hh"
#include "dataplane/ownership.hh"
#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"
#include "dataplane/path/flow_flush.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/waiting_packets.hh"
#include "dataplane/poll_gap.hh"
#include "dataplane/port.hh"
#include "dataplane/punt.hh"
#include "dataplane/shm/publication.hh"

namespace fairlead::dataplane {

/// A worker's end of one port. The main thread keeps the other ends of box and rings.
struct WorkerPort {
  std::uint16_t number = 0;
  std::vector<Queue> queues;  // those it serves now; each sends by the queue it receives from
  PuntPath punt = PuntPath::kNone;
  bool fills_checksums = false;  // the port does, in outer IPv4 headers (checksums.hh)
  Mailbox<path::NextHops>* hops = nullptr;
  PacketRing* to_main = nullptr;    // null with PuntPath::kNone
  PacketRing* from_main = nullptr;  // frames the main thread wants sent here; null: none
  path::NextHops now{};             // what was last taken from `hops`
  bool hops_known = false;          // something was
};

/// What a worker is to do from now on. Made and freed by the main thread.
struct Assignment {
  std::vector<WorkerPort> ports;
  std::uint64_t former = 0;  // tables to look into for flows unknown here (path::Relatives)
  base::Nanoseconds former_until = 0;
};

/// Before the first burst it claims its queues from the XDP gate, and gives them back when it ends;
/// in between the gate takes them if this thread hangs (dataplane/ownership.hh).
///
/// Runs to completion: refresh table -> receive -> stages -> transmit -> count. In the loop there
/// is no allocation, lock, log or system call, except sleeping when idle and one vDSO clock read
/// every 10 ms.
class Worker {
 public:
  struct Setup {
    unsigned number = 0;
    unsigned core = 0;
    std::vector<WorkerPort> ports;
    std::span<const flow::FlowTable> tables_of_all;  // by worker; outlives the worker
    const fl_workers* pages_of_all = nullptr;        // where `page` lies; null: there are no others
    shm::GenerationReader tables;
    flow::FlowTable flows;
    fl_worker_page* page = nullptr;
    const fl_scores* scores = nullptr;
    path::Peers* peers = nullptr;  // outlives the worker; null: the only one
    std::uint32_t decisions = 0;   // capacity of the decision sink, a power of two; 0: no log
    IdleBackoff idle{64, 20'000, 200'000};
    std::uint64_t tsc_hz = 0;
  };
  explicit Worker(Setup setup);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // --- worker thread only ---
  /// Forwards until stop(); before it returns it empties its receive queues.
  void run();

  // --- main thread ---
  void stop() { stopping_.store(true, std::memory_order_relaxed); }
  /// Before run() is called once more.
  void rearm() { stopping_.store(false, std::memory_order_relaxed); }
  /// Another set of queues. At the end of its burst the worker takes it, leaves what it had in
  /// `assignment`, and taken() becomes true: from then on it does not touch a queue that is not
  /// its any more. Requires: taken(); the assignment stays where it is until then.
  void assign(Assignment* assignment) { assignment_.store(assignment, std::memory_order_release); }
  [[nodiscard]] bool taken() const {
    return assignment_.load(std::memory_order_acquire) == nullptr;
  }
  /// Flows that this worker inherited, for their former owners. Consumer end only.
  [[nodiscard]] path::Sink<path::Inheritance>& inherited() { return inherited_; }
  /// Flows of this worker that others inherited. Producer end only.
  [[nodiscard]] path::Sink<path::Inheritance>& handed_over() { return handed_over_; }
  /// What a worker that does not run needs all the same: its flows idle out, and those that others
  /// inherited go. Main thread, only while run() is not running; costs microseconds.
  void tend();
  /// Consumer end only.
  [[nodiscard]] path::DecisionSink& decisions() { return decisions_; }
  [[nodiscard]] const fl_worker_page& page() const { return *context_.page; }
  /// What to note of packets; null: nothing. Offer only: an order stays until another is taken.
  [[nodiscard]] Mailbox<CaptureOrder*>& capture() { return new_capture_; }
  /// The steering region was replaced: go on with this one. False: ask again later. The old
  /// region must stay mapped.
  [[nodiscard]] bool offer_tables(const shm::GenerationReader& tables) {
    return new_tables_.offer(tables);
  }

 private:
  void start();
  void sign_page();
  bool own_queue();
  bool knows_next_hops();
  void hand_over();
  unsigned serve_ports();
  unsigned serve_what_is_left();
  void refresh_table();
  void change_region();
  void change_capture();
  void change_queues();
  void let_go();
  unsigned poll(std::uint64_t cycles);
  /// Whose turn it is: ours, or the gate's, who lets us in for a burst at a time.
  enum class Turn : std::uint8_t { kOurs, kGates };
  unsigned serve(WorkerPort& port, Queue queue, Turn turn);
  void handle(WorkerPort& port, Queue queue, std::span<rte_mbuf*> packets);
  void pass_on(
      WorkerPort& port,
      Queue queue,
      std::span<rte_mbuf*> packets,
      path::Burst& burst,
      std::uint64_t received
  );
  void serve_waiting();
  void give_up_waiting();
  void transmit(Queue queue, rte_mbuf** packets, unsigned count);
  void punt(WorkerPort& port, rte_mbuf* packet);
  void answer(Queue queue, rte_mbuf* packet);
  void send_for_main(WorkerPort& port);
  void beat(std::uint64_t cycles);

  std::atomic<bool> stopping_{false};
  std::atomic<Assignment*> assignment_{nullptr};
  path::Sink<path::Inheritance> inherited_;
  path::Sink<path::Inheritance> handed_over_;
  path::DecisionSink decisions_;
  Mailbox<shm::GenerationReader> new_tables_;
  Mailbox<CaptureOrder*> new_capture_;
  CaptureTap tap_;
  unsigned core_;
  std::vector<WorkerPort> ports_;
  shm::GenerationReader tables_;
  path::FragmentMemory fragments_;
  /// A fragment that waits for the first one of its datagram.
  struct Waiter {
    rte_mbuf* packet = nullptr;
    unsigned port = 0;  // index in ports_
    Queue queue{};
  };
  path::WaitingPackets<Waiter> waiting_;
  path::WorkerContext context_;
  path::FlowFlush flush_;
  const fl_workers* pages_of_all_;
  CycleClock clock_;
  IdleBackoff idle_;
  std::uint64_t tsc_hz_;
  PollGap gap_;
  Ownership ownership_;
  base::Nanoseconds beaten_ = 0;
  bool claimed_ = false;  // since start()
  bool signed_ = false;   // the page says whose it is: ours
  std::array<path::Burst, 2> bursts_;
};

}  // namespace fairlead::dataplane
