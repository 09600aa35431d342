// SPDX-License-Identifier: BSD-3-Clause
// The workers as a group: their threads, who serves which queue, and what happens to flows when
// that changes. The alternatives and the proof: docs/dataplane-process.md, "Workers that come and
// go".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/result.hh"
#include "dataplane/pulse.hh"
#include "dataplane/station.hh"
#include "dataplane/worker.hh"

namespace fairlead::dataplane {

/// Main thread only.
class Crew {
 public:
  using Stations = std::vector<std::unique_ptr<Station>>;

  struct Setup {
    std::string gate_interface = {};  // where an XDP gate stands in for us; empty: nowhere
    std::vector<unsigned> cores;      // worker w runs on cores[w]; as many as there may be workers
    std::vector<flow::FlowTable> tables;  // by worker
    std::function<Worker::Setup(unsigned worker)> worker;
    /// No flow is older now: so long others' tables are looked into. Asked at each change.
    std::function<base::Nanoseconds()> longest_idle;
    bool tables_found = false;  // a process before us left flows, perhaps with other queues
    unsigned found = 0;         // workers that a process before us had
    fl_workers* pages = nullptr;
  };
  explicit Crew(Setup setup);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() { stop(); }

  /// From now on `count` workers serve all queues of `stations`. Starts, stops and re-assigns
  /// workers so that no packet waits unserved and no flow is forgotten. 1 <= count <= most().
  /// Errors: kInvalidArgument (count), kUnavailable (a worker hangs).
  base::Result<void> arrange(Stations& stations, unsigned count);
  /// kInvalidArgument unless 1 <= count <= most().
  [[nodiscard]] base::Result<void> check_count(unsigned count) const;
  /// The workers leave the queues of a port that is about to go; the others stay as they are.
  base::Result<void> leave(Stations& stations, Station& leaving);
  /// Whether some worker may touch this port's queues, now or, if it hangs, when it wakes.
  [[nodiscard]] bool may_touch(const Station& station) const;
  /// Packets may come to other workers than before, because a device spreads them differently.
  base::Result<void> expect_moves(Stations& stations);
  /// Setup::longest_idle may be another: a look into others' tables that is under way lasts longer
  /// if flows do.
  base::Result<void> limits_changed(Stations& stations);
  /// The workers read tables of this region from now on; one that has not yet taken the region
  /// before it (it hangs) is told at a later call. Call it from time to time.
  void follow(const shm::Region& steering);
  /// Call every few ms: brings notes of inherited flows to their former owners, and tends the
  /// tables of workers that do not run.
  void tick(base::Nanoseconds now);
  /// The workers end and the gate takes over; arrange() lets them serve the same queues again.
  void rest(Stations& stations) { stop_workers(stations, 0); }
  /// Stops all workers; each reads its queues empty.
  void stop();

  [[nodiscard]] unsigned running() const { return running_; }
  [[nodiscard]] unsigned most() const { return static_cast<unsigned>(setup_.cores.size()); }
  /// Workers with a page and a table: running ones first.
  [[nodiscard]] unsigned known() const { return static_cast<unsigned>(members_.size()); }
  [[nodiscard]] Worker& worker(unsigned number) { return *members_[number].worker; }
  [[nodiscard]] const Worker& worker(unsigned number) const { return *members_[number].worker; }
  [[nodiscard]] unsigned core(unsigned number) const { return setup_.cores[number]; }
  [[nodiscard]] Pulse& pulse(unsigned number) { return members_[number].pulse; }
  [[nodiscard]] const Pulse& pulse(unsigned number) const { return members_[number].pulse; }

  /// Longest that a worker may take to answer: beyond it something is wrong with it.
  static constexpr base::Nanoseconds kPatience = 2 * base::kSecond;

 private:
  struct Member {
    std::unique_ptr<Worker> worker;
    std::jthread thread;
    std::unique_ptr<Assignment> assignment;  // given last; the worker's until it has taken it
    std::vector<unsigned> ports;             // numbers of its ports (it is empty when it is taken)
    std::vector<unsigned> ports_before;      // in force until it is taken
    Pulse pulse;
    const fl_flow_order* order = nullptr;  // of the region that it was told
  };
  void make_known(unsigned count);
  void tell_pages();
  void tell_gate(const Stations& stations);
  base::Result<void> start_workers(Stations& stations, unsigned count);
  void stop_workers(Stations& stations, unsigned count);
  base::Result<void> start_thread(unsigned number);
  std::unique_ptr<Assignment> assignment_for(
      const Stations& stations,
      unsigned worker,
      const std::function<bool(const Station&, unsigned)>& has
  ) const;
  base::Result<void> hand_out(
      const Stations& stations,
      const std::function<bool(unsigned worker, const Station&, unsigned queue)>& has
  );
  [[nodiscard]] std::uint64_t others_of(unsigned worker) const;
  [[nodiscard]] bool unsteady(const Stations& stations) const;
  void look_from_now_on();
  base::Result<void> hand_out_again(const Stations& stations);

  Setup setup_;
  std::vector<Member> members_;
  unsigned running_ = 0;
  bool look_elsewhere_ = false;  // hand others' tables out with the next assignments
  base::Nanoseconds moved_ = 0;  // when packets may last have come to other workers than before
  base::Nanoseconds look_until_ = 0;
  base::Nanoseconds tended_ = 0;
};

}  // namespace fairlead::dataplane
