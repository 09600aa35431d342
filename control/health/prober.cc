// SPDX-License-Identifier: BSD-3-Clause
// The prober's thread: due times in order and an epoll set of running probes.
#include "control/health/prober.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "control/health/probe.hh"
#include "control/health/rhythm.hh"
#include "control/health/tunnel_keeper.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::health {
namespace {

constexpr base::Nanoseconds kFirstSpread = 100 * base::kMillisecond;
// Results that say the same as the ones before are handed over together: a thousand probes a second
// need not wake control's main thread a thousand times.
constexpr base::Nanoseconds kBoring = 20 * base::kMillisecond;
// Events of targets carry the target's id, which has 32 bits and is not 0.
constexpr std::uint64_t kWakeEvent = 0;
constexpr std::uint64_t kTunnelEvent = std::uint64_t{1} << 32;

void signal(int eventfd) {
  const std::uint64_t one = 1;
  (void)!::write(eventfd, &one, sizeof one);
}

void drain(int eventfd) {
  std::uint64_t count = 0;
  (void)!::read(eventfd, &count, sizeof count);
}

}  // namespace

class ProbeLoop {
 public:
  explicit ProbeLoop(Prober& owner)
      : owner_(owner),
        random_(std::random_device{}()),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        tunnel_(epoll_.get(), kTunnelEvent) {}

  void run() {
    sys::become_urgent();  // a result that waits for this thread delays the decision
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWakeEvent;
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, owner_.wake_.get(), &event);
    while (!owner_.stopping_) turn();
    for (auto& [id, slot] : slots_) abandon(slot);
  }

 private:
  struct Slot {
    Target target;
    std::unique_ptr<Probe> probe;  // null: between probes
    bool tunnelled = false;        // the running probe
    bool first = true;             // no probe has ended yet
    Outcome last = Outcome::kOk;   // of the probe before
    base::Nanoseconds due = 0;     // begin of the next probe or, while one runs, its deadline
  };

  void turn() {
    std::array<epoll_event, 64> events{};
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms());
    const base::Nanoseconds now = sys::monotonic_ns();
    for (int i = 0; i < count; ++i) {
      const std::uint64_t what = events[static_cast<std::size_t>(i)].data.u64;
      if (what == kTunnelEvent) {
        tunnel_.pump();
      } else if (what == kWakeEvent) {
        drain(owner_.wake_.get());
        take_targets(now);
      } else {
        const bool readable = (events[static_cast<std::size_t>(i)].events & ~EPOLLOUT) != 0;
        advance(static_cast<TargetId>(what), now, readable);
      }
    }
    while (!due_.empty() && due_.begin()->first <= now) {
      const TargetId id = due_.begin()->second;
      due_.erase(due_.begin());
      on_time(id, now);
    }
    hand_over(now);
  }

  // Up to the next due time, rounded up so that the loop does not spin through the last
  // millisecond.
  int wait_ms() const {
    const base::Nanoseconds now = sys::monotonic_ns();
    base::Nanoseconds next = now + base::kSecond;
    if (!due_.empty()) next = std::min(next, due_.begin()->first);
    if (!results_.empty()) next = std::min(next, handed_over_ + kBoring);
    if (next <= now) return 0;
    return static_cast<int>((next - now) / base::kMillisecond + 1);
  }

  void take_targets(base::Nanoseconds now) {
    std::vector<Target> targets;
    Origin origin;
    {
      const std::lock_guard lock(owner_.mutex_);
      if (!owner_.targets_changed_) return;
      owner_.targets_changed_ = false;
      targets = owner_.targets_;
      origin = owner_.origin_;
    }
    tunnel_.configure(targets, std::move(origin), now);
    std::unordered_map<TargetId, Slot> next;
    for (Target& target : targets) {
      const TargetId id = target.id;
      const auto old = slots_.find(id);
      if (old == slots_.end()) {
        const base::Nanoseconds first = spread(std::min(target.interval, kFirstSpread));
        schedule(next.emplace(id, Slot{std::move(target), nullptr}).first->second, now + first);
      } else {
        old->second.target = std::move(target);
        next.emplace(id, std::move(old->second));
        slots_.erase(old);
      }
    }
    for (auto& [id, slot] : slots_) abandon(slot);  // those of targets that are gone
    slots_ = std::move(next);
  }

  void schedule(Slot& slot, base::Nanoseconds at) {
    due_.erase({slot.due, slot.target.id});
    slot.due = at;
    due_.emplace(at, slot.target.id);
  }

  void on_time(TargetId id, base::Nanoseconds now) {
    const auto found = slots_.find(id);
    if (found == slots_.end()) return;
    Slot& slot = found->second;
    if (slot.probe != nullptr) {
      finish(slot, slot.probe->expire(now));
      return;
    }
    begin(slot, now);
    if (slot.probe == nullptr) return;
    if (const auto& failed = slot.probe->failed_at_once()) {
      finish(slot, *failed);
      return;
    }
    watch(slot);
    schedule(slot, now + slot.target.timeout);
  }

  void begin(Slot& slot, base::Nanoseconds now) {
    const TunnelKeeper::Passage passage = tunnel_.passage(slot.target, now);
    slot.tunnelled = passage.way == TunnelKeeper::Way::kTunnel;
    if (passage.way == TunnelKeeper::Way::kNone) {
      finish(slot, {slot.target.id, Outcome::kNoTunnel, 0, now, now, true});
      return;
    }
    slot.probe =
        std::make_unique<Probe>(slot.target, now, slot.tunnelled ? &passage.outlet : nullptr);
    if (slot.tunnelled) tunnel_.begin(slot.target, slot.probe->local_port());
  }

  // Closes the probe's socket. Its last packet (the reset) still goes through the tunnel.
  void end(Slot& slot, ProbeResult& result) {
    if (slot.probe == nullptr) return;
    const std::uint16_t port = slot.probe->local_port();
    slot.probe.reset();
    if (slot.tunnelled) tunnel_.end(slot.target, port, result);
  }
  void abandon(Slot& slot) {
    ProbeResult nobody;
    end(slot, nobody);
  }

  void advance(TargetId id, base::Nanoseconds now, bool readable) {
    const auto found = slots_.find(id);
    if (found == slots_.end() || found->second.probe == nullptr) return;
    Slot& slot = found->second;
    if (const auto result = slot.probe->advance(now, readable)) finish(slot, *result);
  }

  // Edges of both kinds at once: a system call less a probe than asking for one after the other.
  void watch(Slot& slot) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = slot.target.id;
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, slot.probe->fd(), &event);
  }

  void finish(Slot& slot, ProbeResult result) {
    end(slot, result);
    tell(slot.target, result);
    results_.push_back(result);
    news_ = news_ || slot.first || result.outcome != Outcome::kOk || slot.last != Outcome::kOk;
    slot.last = result.outcome;
    const bool first = std::exchange(slot.first, false);
    const base::Nanoseconds next =
        next_begin(result.begun_ns, slot.target.interval, first, random_());
    schedule(slot, std::max(next, result.ended_ns + base::kMillisecond));
  }

  static void tell(const Target& target, const ProbeResult& result) {
    if (!sys::would_log(sys::LogLevel::kDebug)) return;
    sys::log_debug(
        "probed " + target.address.to_string() + " port=" + std::to_string(target.port) +
        " result=\"" + std::string(to_string(result.outcome)) +
        "\" took_us=" + std::to_string((result.ended_ns - result.begun_ns) / base::kMicrosecond) +
        (result.tunnelled ? " through the tunnel" : "")
    );
  }

  base::Nanoseconds spread(base::Nanoseconds width) {
    return width == 0 ? 0 : std::uniform_int_distribution<base::Nanoseconds>(0, width)(random_);
  }

  void hand_over(base::Nanoseconds now) {
    if (results_.empty() || (!news_ && now < handed_over_ + kBoring)) return;
    news_ = false;
    handed_over_ = now;
    {
      const std::lock_guard lock(owner_.mutex_);
      owner_.results_.insert(owner_.results_.end(), results_.begin(), results_.end());
    }
    results_.clear();
    signal(owner_.ready_.get());
  }

  Prober& owner_;
  std::mt19937_64 random_;
  sys::UniqueFd epoll_;
  TunnelKeeper tunnel_;
  std::unordered_map<TargetId, Slot> slots_;
  std::set<std::pair<base::Nanoseconds, TargetId>> due_;
  std::vector<ProbeResult> results_;
  bool news_ = false;  // among them
  base::Nanoseconds handed_over_ = 0;
};

base::Result<void> Prober::start() {
  ready_ = sys::UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  wake_ = sys::UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!ready_.valid() || !wake_.valid()) return base::system_error("make eventfd", errno);
  thread_ = std::thread([this] { run(); });
  return {};
}

Prober::~Prober() {
  stopping_ = true;
  if (wake_.valid()) signal(wake_.get());
  if (thread_.joinable()) thread_.join();
}

void Prober::run() {
  ProbeLoop(*this).run();
}

void Prober::set_targets(std::vector<Target> targets, Origin origin) {
  {
    const std::lock_guard lock(mutex_);
    origin_ = std::move(origin);
    targets_ = std::move(targets);
    targets_changed_ = true;
  }
  signal(wake_.get());
}

std::vector<ProbeResult> Prober::take_results() {
  drain(ready_.get());
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

}  // namespace fairlead::health
