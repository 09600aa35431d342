// SPDX-License-Identifier: BSD-3-Clause
// Compares the workers' pages with the look before, and asks the kernel about the process.
#include "control/plane_watch.hh"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "control/api/counters.hh"
#include "control/api/flow_flush.hh"
#include "dataplane/shm/lock_holder.hh"
#include "dataplane/shm/process_state.hh"
#include "dataplane/steer/handover.h"
#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

constexpr base::Nanoseconds kPeriod = 5 * base::kMillisecond;
// A process that is killed loses its threads, then its sockets, milliseconds before it is gone.
constexpr const char* kEnding = "it is ending";
constexpr base::Nanoseconds kDying = 500 * base::kMillisecond;
// Whether by a signal, a crash or for want of memory its parent knows, who starts it.
constexpr const char* kDied = "died";
constexpr const char* kStopped = "stopped";
// By command: without workers, but ready to start them again.
constexpr const char* kIdle = "stopped, its process lives on";
constexpr const char* kIdleEnded = "stopped, its process has ended since";
// Control, which is to see how, was away itself.
constexpr const char* kUnseen = "ended while control was away";

std::string seconds(base::Nanoseconds ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(ns) / 1e9);
  return text;
}

/// What data planes took from the queue's sockets. Counted between two packets of the gate, which
/// holds the lock from before a packet's first counter until after its last.
std::uint64_t received_by_workers(const fl_worker_page& page) {
  const fl_sign& sign = *fl_sign_of(&page);
  std::uint64_t received = 0;
  for (int tries = 0; tries < 1000; ++tries) {
    const std::uint64_t handled = __atomic_load_n(&sign.gate_packets, __ATOMIC_ACQUIRE);
    const bool before = __atomic_load_n(&sign.lock, __ATOMIC_ACQUIRE) == FL_LOCK_GATE;
    received = __atomic_load_n(&page.rx_packets, __ATOMIC_ACQUIRE) - handled;
    const bool after = __atomic_load_n(&sign.lock, __ATOMIC_ACQUIRE) == FL_LOCK_GATE;
    const std::uint64_t now = __atomic_load_n(&sign.gate_packets, __ATOMIC_ACQUIRE);
    if (!before && !after && now == handled) break;
  }
  return received;
}

/// Without a gate the owner is of no interest, and nobody is in a hurry to call a worker stuck.
PlaneWatch::Look look_at(const fl_workers& workers, bool gate, base::Nanoseconds now) {
  const base::Nanoseconds patience = gate ? FL_HEARTBEAT_STALE_NS : base::kSecond;
  PlaneWatch::Look look;
  const auto pages = api::pages(workers);
  const std::size_t running = std::min<std::size_t>(workers.workers_running, pages.size());
  bool all_well = running > 0;
  bool some_serve = false;
  bool some_gave_back = false;
  for (std::size_t w = 0; w < pages.size(); ++w) {
    const fl_sign& sign = *fl_sign_of(&pages[w]);
    const std::uint64_t beat = __atomic_load_n(&sign.heartbeat_ns, __ATOMIC_ACQUIRE);
    const std::uint32_t owner = __atomic_load_n(&sign.owner, __ATOMIC_ACQUIRE);
    look.gone += sign.takeovers_gone;
    look.stale += sign.takeovers_stale;
    look.packets += sign.gate_packets;
    look.received += received_by_workers(pages[w]);
    if (sign.started_ns > look.started) {
      look.pid = sign.pid;
      look.started = sign.started_ns;
    }
    if (w >= running) continue;
    const bool stale = now > beat + patience;
    if (!gate || owner == FL_OWNER_DATAPLANE) {
      if (beat == 0) look.ending = true;
      some_serve |= !stale;
      all_well &= !stale;
      look.stuck |= stale && beat != 0;
      continue;
    }
    some_gave_back = true;
    look.since = std::max(look.since, sign.gate_since_ns);
    // It reads tables, so it has had its queue before: a worker that begins has not.
    if (__atomic_load_n(&pages[w].ack, __ATOMIC_ACQUIRE) != 0) all_well = false;
  }
  look.served = all_well && some_serve;
  // `stop` leaves a process without workers that forward.
  look.given_back = (some_gave_back && !some_serve) || (running == 0 && look.pid != 0);
  return look;
}

void tell(Node& node, bool up, std::string cause) {
  const std::string line = std::string("data plane ") + (up ? "up: " : "down: ") + cause;
  up ? sys::log_info(line) : sys::log_warn(line);
  api::Event event;
  event.kind = "dataplane";
  event.what = up ? "up" : "down";
  event.cause = std::move(cause);
  node.happenings.tell(std::move(event));
}

std::string pid_of(std::uint32_t pid) {
  return "pid " + std::to_string(pid);
}

}  // namespace

void PlaneWatch::tick(Node& node, base::Nanoseconds now) {
  if (now < due_) return;
  due_ = now + kPeriod;
  api::open_forgotten_locks(*node.regions.workers.at<fl_workers>(0), node.regions.workers.path());
  const Look look = look_at(node.regions.worker_pages(), node.gate.has_value(), now);
  const bool first = !known_;
  if (first) {
    known_ = true;
    before_ = look;
    count_lost(node, look);
    node.lost_in_socket = 0;  // counted from here
    if (look.served) tell(node, true, pid_of(look.pid) + " forwards");
  }
  const bool taken = look.gone != before_.gone || look.stale != before_.stale;
  if (!node.episode.on && (!look.served || taken)) begin(node, look, now);
  if (first && node.episode.pid != 0 && !shm::process_lives(look.pid, look.started))
    node.episode.cause = kUnseen;
  if (node.episode.on) follow(node, look, now);
  if (node.episode.on && look.served) end(node, look, now);
  before_ = look;
}

void PlaneWatch::begin(Node& node, const Look& look, base::Nanoseconds now) {
  told_ = false;
  at_begin_ = before_;
  lost_before_ = node.lost_in_socket;
  const base::Nanoseconds since = look.since != 0 ? std::min(look.since, now) : now;
  node.episode = {true, since, "", before_.pid, before_.packets};
}

/// What became of the data plane that forwarded before.
void PlaneWatch::follow(Node& node, const Look& look, base::Nanoseconds now) {
  GateEpisode& episode = node.episode;
  if (episode.pid == 0) {
    episode.cause = "no data plane yet";
    told_ = true;
    return;
  }
  const bool lives = shm::process_lives(episode.pid, at_begin_.started);
  const auto next = shm::waiting_successor(node.regions.workers.path());
  const bool replaced = next && *next != episode.pid;
  if (episode.cause.empty() || episode.cause == kEnding) {
    if (look.stale != at_begin_.stale) {
      episode.cause = "hung";
    } else if (look.gone != at_begin_.gone || look.ending) {
      episode.cause = lives ? kEnding : kDied;
    } else if (look.stuck) {
      episode.cause = lives ? "hung" : kDied;
    } else if (look.given_back) {
      episode.cause = replaced ? "upgrade" : kStopped;
    }
  } else if (episode.cause == "hung" && !lives) {
    episode.cause = replaced ? "hung, then replaced" : "hung, then ended";
  } else if (episode.cause == kStopped && lives && now > episode.since + kDying) {
    episode.cause = kIdle;
  } else if (episode.cause == kIdle && !lives) {
    episode.cause = kIdleEnded;
    told_ = false;
  }
  if (!lives) count_lost(node, look);
  const bool may_change = episode.cause == kEnding || (episode.cause == kStopped && lives);
  if (!episode.cause.empty() && (!may_change || now > episode.since + kDying)) tell_down(node);
}

void PlaneWatch::tell_down(Node& node) {
  if (told_) return;
  told_ = true;
  std::string cause = node.episode.cause + ": " + pid_of(node.episode.pid);
  const auto next = shm::waiting_successor(node.regions.workers.path());
  if (next && *next != node.episode.pid) cause += ", to be followed by " + pid_of(*next);
  if (node.gate) cause += "; the gate forwards";
  tell(node, false, std::move(cause));
}

void PlaneWatch::end(Node& node, const Look& look, base::Nanoseconds now) {
  GateEpisode& episode = node.episode;
  episode.on = false;
  if (!told_ && episode.cause.empty()) return;  // a worker let go of its queues, others serve them
  tell_down(node);
  std::string cause = pid_of(look.pid) + " forwards";
  if (episode.pid != 0) {
    cause += " after " + seconds(now - episode.since) + " (" + episode.cause;
    if (episode.pid != look.pid) cause += ", " + pid_of(episode.pid);
    cause += ")";
  }
  if (node.gate) {
    cause += ", the gate forwarded " + std::to_string(look.packets - episode.packets) + " packets";
    const std::uint64_t lost = node.lost_in_socket - lost_before_;
    if (lost != 0) cause += ", " + std::to_string(lost) + " were lost in the old socket";
  }
  tell(node, true, std::move(cause));
}

/// Nothing is on its way to a socket that is gone: what was redirected and not received is lost.
void PlaneWatch::count_lost(Node& node, const Look& look) {
  if (!node.gate) return;
  const auto counters = node.gate->counters();
  if (!counters) return;
  const std::uint64_t redirected = counters->front().packets;
  const auto missing = static_cast<std::int64_t>(redirected - look.received);
  if (missing > missing_) node.lost_in_socket += static_cast<std::uint64_t>(missing - missing_);
  missing_ = missing;
}

std::string why_gate_forwards(const Node& node, base::Nanoseconds now) {
  if (!node.gate || !node.episode.on) return "";
  const GateEpisode& episode = node.episode;
  const auto ago = std::chrono::nanoseconds(now - episode.since);
  const std::time_t at = std::chrono::system_clock::to_time_t(
      std::chrono::system_clock::now() -
      std::chrono::duration_cast<std::chrono::system_clock::duration>(ago)
  );
  std::tm utc{};
  ::gmtime_r(&at, &utc);
  char clock[32];
  (void)std::strftime(clock, sizeof clock, "%H:%M:%S UTC", &utc);
  std::uint64_t packets = 0;
  for (const fl_worker_page& page : api::pages(node.regions.worker_pages()))
    packets += fl_sign_of(&page)->gate_packets;
  std::string line = "since " + std::string(clock) + " (" + seconds(now - episode.since) +
                     "): " + (episode.cause.empty() ? "cause not known yet" : episode.cause);
  if (episode.pid != 0) line += ", " + pid_of(episode.pid);
  return line + "; " + std::to_string(packets - episode.packets) + " packets";
}

}  // namespace fairlead::control
