// SPDX-License-Identifier: BSD-3-Clause
// Starting, stopping and re-assigning workers.
#include "dataplane/crew.hh"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <numeric>
#include <pthread.h>
#include <utility>

#include <sched.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "dataplane/balance.hh"
#include "dataplane/numa.hh"
#include "dataplane/steer/handover.h"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

constexpr base::Nanoseconds kTendPeriod = 10 * base::kMillisecond;
constexpr base::Nanoseconds kForEver = ~base::Nanoseconds{0};

void pause_briefly() {
  const timespec pause{0, 50'000};
  ::nanosleep(&pause, nullptr);
}

void pin(std::thread::native_handle_type thread, unsigned number, unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  ::pthread_setaffinity_np(thread, sizeof set, &set);
  const std::string name = "fl-worker-" + std::to_string(number);
  ::pthread_setname_np(thread, name.c_str());
}

/// Each worker's first queue of a port, in order of workers: what a device should spread over.
std::vector<unsigned> first_queues(const Station& station, unsigned workers) {
  std::vector<unsigned> queues;
  for (unsigned w = 0; w < workers; ++w) {
    const auto own = items_of(station.owners, w);
    if (!own.empty()) queues.push_back(own.front());
  }
  return queues;
}

}  // namespace

Crew::Crew(Setup setup) : setup_(std::move(setup)) {
  make_known(std::min(setup_.found, static_cast<unsigned>(setup_.tables.size())));
  look_elsewhere_ = setup_.tables_found && setup_.tables.size() > 1;
}

void Crew::make_known(unsigned count) {
  while (known() < count) {
    Worker::Setup setup = setup_.worker(known());
    setup.tables_of_all = setup_.tables;
    setup.pages_of_all = setup_.pages;
    members_.emplace_back();
    members_.back().order = setup.tables.order();
    members_.back().worker = std::make_unique<Worker>(std::move(setup));
  }
  tell_pages();
}

void Crew::tell_pages() {
  if (setup_.pages == nullptr) return;
  __atomic_store_n(&setup_.pages->worker_count, known(), __ATOMIC_RELAXED);
  __atomic_store_n(&setup_.pages->workers_running, running_, __ATOMIC_RELAXED);
}

// So that the gate, should it have to, goes on with the flows of the worker that had the queue.
void Crew::tell_gate(const Stations& stations) {
  if (setup_.pages == nullptr) return;
  for (const auto& station : stations) {
    if (station->port.interface() != setup_.gate_interface) continue;
    for (std::size_t q = 0; q < station->owners.size() && q < FL_GATE_QUEUES; ++q) {
      const auto owner = static_cast<std::uint8_t>(station->owners[q] + 1);
      __atomic_store_n(&fl_queue_workers(setup_.pages)[q], owner, __ATOMIC_RELAXED);
    }
  }
}

// A thread of our own instead of one of EAL's: EAL makes its threads at the start, for cores named
// then.
base::Result<void> Crew::start_thread(unsigned number) {
  Worker* const worker = members_[number].worker.get();
  worker->rearm();
  std::atomic<int> registered{1};
  members_[number].thread = std::jthread([worker, &registered] {
    const bool known = rte_thread_register() == 0;
    registered.store(known ? 0 : -1, std::memory_order_release);
    registered.notify_one();
    if (!known) return;
    worker->run();
    rte_thread_unregister();
  });
  pin(members_[number].thread.native_handle(), number, core(number));
  registered.wait(1, std::memory_order_acquire);
  if (registered.load(std::memory_order_acquire) == 0) return {};
  members_[number].thread.join();
  return base::fail(
      base::ErrorCode::kInternal,
      "worker " + std::to_string(number) + " does not start: EAL has no room for its thread (" +
          rte_strerror(rte_errno) + ")"
  );
}

base::Result<void> Crew::start_workers(Stations& stations, unsigned count) {
  make_known(count);
  while (running_ < count) {
    const unsigned w = running_;
    for (const auto& station : stations) station->neighbours->begin(w);
    FL_TRY(start_thread(w));
    ++running_;
    tell_pages();
    sys::log_info(
        "worker started worker=" + std::to_string(w) + " core=" + std::to_string(core(w)) +
        " socket=" + std::to_string(socket_of_core(core(w)))
    );
  }
  return {};
}

void Crew::stop_workers(Stations& stations, unsigned count) {
  for (unsigned w = count; w < running_; ++w) members_[w].worker->stop();
  while (running_ > count) {
    --running_;
    members_[running_].thread.join();
    for (const auto& station : stations) station->neighbours->end(running_);
    sys::log_info("worker stopped worker=" + std::to_string(running_));
  }
  tell_pages();
}

std::uint64_t Crew::others_of(unsigned worker) const {
  const std::uint64_t all = known() >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << known()) - 1;
  return all & ~(std::uint64_t{1} << worker);
}

// A device that spreads in its own way may change its mind at any time: a veth follows the CPU of
// whoever sends.
bool Crew::unsteady(const Stations& stations) const {
  return running_ > 1 && std::any_of(stations.begin(), stations.end(), [](const auto& station) {
           return station->port.steering() == FL_STEERING_DEVICE;
         });
}

std::unique_ptr<Assignment> Crew::assignment_for(
    const Stations& stations,
    unsigned worker,
    const std::function<bool(const Station&, unsigned)>& has
) const {
  auto assignment = std::make_unique<Assignment>();
  for (const auto& station : stations) {
    WorkerPort port;
    for (unsigned q = 0; q < station->port.queues(); ++q) {
      if (has(*station, q)) port.queues.push_back(station->port.queue(q));
    }
    if (port.queues.empty()) continue;
    port.number = static_cast<std::uint16_t>(station->number);
    port.punt = station->punt;
    port.fills_checksums = station->port.checksums().by_port;
    port.hops = &station->neighbours->box(worker);
    if (station->punt != PuntPath::kNone) {
      port.to_main = &station->to_main[worker];
      if (has(*station, 0)) port.from_main = &station->from_main[0];
    }
    assignment->ports.push_back(std::move(port));
  }
  if (unsteady(stations)) {
    assignment->former = others_of(worker);
    assignment->former_until = kForEver;
  } else if (look_elsewhere_ || look_until_ > sys::monotonic_ns()) {
    assignment->former = others_of(worker);
    assignment->former_until = look_until_;
  }
  return assignment;
}

base::Result<void> Crew::hand_out(
    const Stations& stations,
    const std::function<bool(unsigned worker, const Station&, unsigned queue)>& has
) {
  for (unsigned w = 0; w < running_; ++w) {
    if (!members_[w].worker->taken()) continue;  // it hangs, and may be about to read what it has
    members_[w].assignment =
        assignment_for(stations, w, [&](const Station& s, unsigned q) { return has(w, s, q); });
    members_[w].ports_before = std::move(members_[w].ports);
    members_[w].ports.clear();
    for (const WorkerPort& port : members_[w].assignment->ports)
      members_[w].ports.push_back(port.number);
    members_[w].worker->assign(members_[w].assignment.get());
  }
  const base::Nanoseconds deadline = sys::monotonic_ns() + kPatience;
  for (unsigned w = 0; w < running_; ++w) {
    while (!members_[w].worker->taken()) {
      if (sys::monotonic_ns() > deadline) {
        return base::fail(
            base::ErrorCode::kUnavailable,
            "worker " + std::to_string(w) + " on core " + std::to_string(core(w)) +
                " does not answer; it hangs or its core is taken"
        );
      }
      pause_briefly();
    }
  }
  return {};
}

base::Result<void> Crew::hand_out_again(const Stations& stations) {
  return hand_out(stations, [](unsigned w, const Station& s, unsigned q) {
    return s.owners[q] == w;
  });
}

void Crew::look_from_now_on() {
  moved_ = sys::monotonic_ns();
  look_until_ = moved_ + setup_.longest_idle();
}

namespace {

/// Devices bring packets to the first queue of each worker from now on.
void spread_to_workers(const Crew::Stations& stations, unsigned count) {
  for (const auto& station : stations) {
    const bool spread = station->port.spread_to(first_queues(*station, count));
    if (const std::string& why = station->port.kept_table_because(); !why.empty()) {
      sys::log_warn(
          "port keeps its indirection table port=" + std::to_string(station->number) +
          " because='" + why + "': every queue has a worker, but their shares are unequal"
      );
    }
    if (spread) {
      sys::log_info(
          "port spread anew port=" + std::to_string(station->number) +
          " workers=" + std::to_string(count) + " steering=" + to_string(station->port.steering())
      );
    }
  }
}

}  // namespace

base::Result<void> Crew::check_count(unsigned count) const {
  if (count != 0 && count <= most()) return {};
  return base::invalid(
      "workers: " + std::to_string(count) + " is out of range 1 to " + std::to_string(most()) +
      "; raise workers.max and restart for more"
  );
}

base::Result<void> Crew::arrange(Stations& stations, unsigned count) {
  FL_TRY(check_count(count));
  for (unsigned w = 0; w < running_; ++w) {
    if (members_[w].worker->taken()) continue;
    return base::fail(
        base::ErrorCode::kUnavailable, "worker " + std::to_string(w) + " hangs: nothing is changed"
    );
  }
  std::vector<unsigned> workers(count);
  std::iota(workers.begin(), workers.end(), 0U);
  std::vector<std::vector<unsigned>> target;
  for (const auto& station : stations) target.push_back(rebalance(station->owners, workers));

  const bool first = running_ == 0;
  const bool served_before = known() > 0;  // also before a rest: queues may change hands over it
  FL_TRY(start_workers(stations, count));
  if (known() > 1 && (served_before || look_elsewhere_)) look_from_now_on();
  // First everybody lets go of what is another's from now on, then everybody takes what is his: no
  // queue ever has two workers.
  const auto target_of = [&](const Station& s) -> const std::vector<unsigned>& {
    const auto at = std::find_if(stations.begin(), stations.end(), [&](const auto& one) {
      return one.get() == &s;
    });
    return target[static_cast<std::size_t>(at - stations.begin())];
  };
  if (!first) {
    FL_TRY(hand_out(stations, [&](unsigned w, const Station& s, unsigned q) {
      return s.owners[q] == w && target_of(s)[q] == w;
    }));
  }
  for (std::size_t i = 0; i < stations.size(); ++i) stations[i]->owners = target[i];
  FL_TRY(hand_out_again(stations));
  look_elsewhere_ = false;
  tell_gate(stations);
  spread_to_workers(stations, count);
  stop_workers(stations, count);
  return {};
}

base::Result<void> Crew::leave(Stations& stations, Station& leaving) {
  if (running_ > 1) look_from_now_on();
  return hand_out(stations, [&](unsigned w, const Station& s, unsigned q) {
    return &s != &leaving && s.owners[q] == w;
  });
}

bool Crew::may_touch(const Station& station) const {
  const auto among = [&](const std::vector<unsigned>& ports) {
    return std::find(ports.begin(), ports.end(), station.number) != ports.end();
  };
  const auto running = members_.begin() + running_;
  return std::any_of(members_.begin(), running, [&](const Member& member) {
    return among(member.ports) || (!member.worker->taken() && among(member.ports_before));
  });
}

base::Result<void> Crew::expect_moves(Stations& stations) {
  if (running_ < 2) return {};
  look_from_now_on();
  return hand_out_again(stations);
}

base::Result<void> Crew::limits_changed(Stations& stations) {
  if (look_until_ <= sys::monotonic_ns()) return {};  // who was not met yet is too old by now
  const base::Nanoseconds until = moved_ + setup_.longest_idle();
  if (until <= look_until_) return {};
  look_until_ = until;
  return hand_out_again(stations);
}

void Crew::follow(const shm::Region& steering) {
  const auto* const order = steering.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET);
  for (unsigned w = 0; w < known(); ++w) {
    if (members_[w].order == order) continue;
    // It says that the worker reads no table: of the old region, which nobody writes any more.
    const shm::GenerationReader reader(steering, &setup_.pages->worker[w]);
    if (members_[w].worker->offer_tables(reader)) members_[w].order = order;
  }
}

void Crew::tick(base::Nanoseconds now) {
  for (unsigned w = 0; w < running_; ++w) {
    path::Inheritance note;
    while (members_[w].worker->inherited().try_pop(note)) {
      if (note.worker >= known()) continue;
      (void)members_[note.worker].worker->handed_over().try_push({note.hash, w});
    }
  }
  if (now - tended_ < kTendPeriod) return;
  tended_ = now;
  for (unsigned w = running_; w < known(); ++w) members_[w].worker->tend();
}

void Crew::stop() {
  for (unsigned w = 0; w < running_; ++w) members_[w].worker->stop();
  for (unsigned w = 0; w < running_; ++w) members_[w].thread.join();
  running_ = 0;
}

}  // namespace fairlead::dataplane
