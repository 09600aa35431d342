// SPDX-License-Identifier: BSD-3-Clause
// Start table and event loop of fairlead-control.
#include "control/daemon.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "control/actions.hh"
#include "control/api/counters.hh"
#include "dataplane/sys/interface.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/watchdog.hh"

namespace fairlead::control {
namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&set, signal);
  return set;
}

void read_away(int fd) {
  std::uint64_t count = 0;
  (void)!::read(fd, &count, sizeof count);
}

/// Where the kernel gets what is not the vips': the gate's interface, or the tap of the first port.
health::Origin origin_of(const config::Config& config) {
  health::Origin origin = health::make_origin(config.node, config.outgoing, config.fleet.hash_key);
  origin.interface = config.interface;
  if (origin.interface.empty() && !config.ports.empty())
    origin.interface = config.ports.front().punt_tap;
  return origin;
}

void log_warnings(const config::Config& config) {
  for (const std::string& warning : config.warnings) sys::log_warn(warning);
}

}  // namespace

void block_signals() {
  const sigset_t set = handled_signals();
  (void)pthread_sigmask(SIG_BLOCK, &set, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
}

Daemon::~Daemon() {
  inbox_.close();                   // servers that end wait for their calls
  if (node_) node_->store.reset();  // its threads wake the loop
}

base::Result<bool> Daemon::start(config::Config config) {
  if (!config.interface.empty() && !options_.no_gate)
    FL_TRY(sys::require_interface(config.interface_at, config.interface));
  log_warnings(config);
  if (config.fleet.hash_key_is_default) {
    sys::log_warn(
        "fleet.hash_key is the published default: with it anybody can aim flows at one "
        "backend, set your own"
    );
  }
  wake_ = sys::UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  FL_TRY(open_node(std::move(config), sys::monotonic_ns()));
  FL_TRY(open_gate());
  FL_TRY(prober_.start());
  FL_TRY(open_services());
  FL_TRY(open_loop());
  sources_ = std::make_unique<monitor::Sources>(*this);
  set_targets();
  route_watch_.start(*node_, [this] { wake(); });
  sys::log_info(
      "started node=" + node_->config.node.id + " runtime_dir=" + node_->regions.dir +
      " generation=" + std::to_string(node_->publisher.generation())
  );
  return true;
}

base::Result<bool> Daemon::open_loop() {
  const sigset_t set = handled_signals();
  epoll_ = sys::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  signals_ = sys::UniqueFd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  timer_ = sys::UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!epoll_.valid() || !signals_.valid() || !timer_.valid() || !wake_.valid()) {
    return base::system_error("make the event loop", errno);
  }
  for (const int fd :
       {signals_.get(),
        timer_.get(),
        wake_.get(),
        inbox_.fd(),
        prober_.ready_fd(),
        socket_->fd()}) {
    watch(fd);
  }
  file_watch_.emplace(options_.config);
  if (file_watch_->fd() >= 0) watch(file_watch_->fd());
  if (!file_watch_->error().empty() && node_->config.changes.watch)
    sys::log_error("changes of the configuration file go unseen, " + file_watch_->error());
  return true;
}

void Daemon::set_targets() {
  prober_.set_targets(node_->checks.targets(), origin_of(node_->config));
  std::map<std::string, monitor::SourceTarget> asked;
  for (const model::Vip& vip : node_->config.vips) {
    for (const model::Backend& b : vip.backends) {
      if (b.source.kind != model::LoadSourceKind::kNone)
        asked.try_emplace(b.id, monitor::SourceTarget{b.id, b.address, b.source});
    }
  }
  std::vector<monitor::SourceTarget> targets;
  for (auto& [id, target] : asked) targets.push_back(std::move(target));
  sources_->set_targets(std::move(targets));
}

void Daemon::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Daemon::run() {
  // A publication is a millisecond of work, and on a busy core an ordinary thread is sent to the
  // back of the queue in the middle of it (docs/publication.md). Not so the threads of gRPC and the
  // exposer.
  sys::become_urgent();
  sys::Watchdog watchdog;
  watchdog.ready();
  while (!ending_) {
    watchdog.alive(sys::monotonic_ns());
    turn();
  }
  inbox_.close();
  sys::log_info(
      "ends; generation " + std::to_string(node_->publisher.generation()) + " stays in force"
  );
}

void Daemon::turn() {
  {
    const std::lock_guard lock(mutex_);
    shared_.tick(*node_, *reconciler_, *changes_, sys::monotonic_ns());
    changes_->tick(sys::monotonic_ns());
    retry_decisions(*node_, sys::monotonic_ns());
    drains_.tick(*node_, *reconciler_, sys::monotonic_ns());
    ramps_.tick(*node_, *reconciler_, sys::monotonic_ns());
    state_watch_.tick(*node_, sys::monotonic_ns());
    ending_ = route_watch_.tick(*node_, sys::monotonic_ns()) || ending_;
    reconciler_->turn(sys::monotonic_ns());
    fleet_->look();
    node_->latency.look(node_->regions.worker_pages(), sys::monotonic_ns());
    gate_hops_.tick(*node_, sys::monotonic_ns());
    base::Nanoseconds due = reconciler_->next_due();
    if (const auto trial = changes_->next_due(); trial != 0) due = std::min(due, trial);
    itimerspec at{};
    at.it_value.tv_sec = static_cast<time_t>(due / base::kSecond);
    at.it_value.tv_nsec = static_cast<long>(due % base::kSecond);
    if (due == 0) at.it_value.tv_nsec = 1;  // zero would disarm
    (void)::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
  }
  std::array<epoll_event, 8> events{};
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 1000);
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < count; ++i) {
    const int fd = events[static_cast<std::size_t>(i)].data.fd;
    if (fd == signals_.get()) {
      on_signal();
    } else if (fd == prober_.ready_fd()) {
      reconciler_->on_probes(prober_.take_results());
    } else if (fd == inbox_.fd()) {
      inbox_.run();
    } else if (fd == socket_->fd()) {
      socket_->turn();
    } else if (fd == file_watch_->fd()) {
      if (file_watch_->changed()) changes_->reload_if_changed(sys::monotonic_ns());
    } else {
      read_away(fd);
    }
  }
}

void Daemon::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGHUP) {
      (void)changes_->reload("reload", sys::monotonic_ns());
    } else {
      ending_ = true;
    }
  }
}

/// Another thread changed something: tables must follow.
void Daemon::follow(base::Nanoseconds now) {
  reconciler_->mark_dirty(now);
  wake();
}

/// Any thread: a turn is due.
void Daemon::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

monitor::Refusal Daemon::on_report(const monitor::LoadReport& report) {
  const std::lock_guard lock(mutex_);
  return node_->intake.accept(report, sys::monotonic_ns(), sys::wall_us());
}

void Daemon::on_malformed() {
  const std::lock_guard lock(mutex_);
  node_->intake.count_malformed();
}

void Daemon::on_return(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (!node_->intake.come_back(id)) return;
  sys::log_info("backend comes back backend=" + id);
  persist(*node_);
}

std::optional<std::uint64_t> Daemon::on_leave(const std::string& id, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const bool before = node_->intake.has_left(id);
  if (!node_->intake.leave(id)) return std::nullopt;
  if (!before) {
    sys::log_info("backend leaves backend=" + id + " reason=\"" + reason.substr(0, 80) + "\"");
    api::Event event;
    event.kind = "agent";
    event.what = "leaves";
    event.cause = reason.substr(0, 80);
    event.backend = id;
    node_->happenings.tell(std::move(event));
    persist(*node_);
    follow(sys::monotonic_ns());
  }
  const auto number = node_->publisher.steering().backend_number(id);
  if (!number) return 0;
  return api::backend_sum(node_->regions.worker_pages(), *number).in_flight;
}

}  // namespace fairlead::control
