// SPDX-License-Identifier: BSD-3-Clause
// The thread, and running a program.
#include "control/routes/announcer.hh"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <spawn.h>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/routes/bird.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/unique_fd.hh"

extern char** environ;

namespace fairlead::routes {
namespace {

constexpr std::chrono::seconds kAgain{1};
constexpr base::Nanoseconds kHookAgain = 5 * base::kSecond;
constexpr base::Nanoseconds kHookTimeout = 5 * base::kSecond;

}  // namespace

std::string run_program(
    const std::string& program, const std::vector<std::string>& arguments, base::Nanoseconds timeout
) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawnattr_t attributes;
  (void)::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);  // ours are blocked, for a descriptor
  (void)::posix_spawnattr_setsigmask(&attributes, &none);
  (void)::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, program.c_str(), nullptr, &attributes, argv.data(), environ);
  (void)::posix_spawnattr_destroy(&attributes);
  if (failed != 0) return program + ": " + std::strerror(failed);
  const sys::UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd wait{ended.get(), POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(timeout / base::kMillisecond)) <= 0) {
    (void)::kill(pid, SIGKILL);
    (void)::waitpid(pid, nullptr, 0);
    return program + ": did not end in time and was killed";
  }
  int status = 0;
  (void)::waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return program + ": " +
         (WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
                            : "signal " + std::to_string(WTERMSIG(status)));
}

Announcer::Announcer(Settings settings, std::function<void()> told)
    : settings_(std::move(settings)), told_(std::move(told)), thread_([this] { run(); }) {}

Announcer::~Announcer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  thread_.join();
}

Announcer::State Announcer::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Announcer::want(bool announce, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    const bool same = wanted_ && want_ == announce;
    reason_ = reason;
    if (same) return;
    wanted_ = true;
    want_ = announce;
    ++turn_;
  }
  work_.notify_all();
}

void Announcer::run() {
  std::unique_lock lock(mutex_);
  std::uint64_t done = 0;
  while (!stop_) {
    if (!wanted_ ||
        (turn_ == done && work_.wait_for(lock, kAgain, [&] { return stop_ || turn_ != done; }))) {
      if (!wanted_) work_.wait(lock, [&] { return stop_ || wanted_; });
      if (stop_) return;
    }
    const bool changed = turn_ != done || !state_.known || state_.announced != want_;
    const bool announce = want_;
    const std::string reason = reason_;
    done = turn_;
    lock.unlock();
    const std::string error = tell(announce, reason, changed);
    lock.lock();
    const State before = state_;
    state_.error = error;
    if (error.empty()) {
      state_.known = true;
      state_.announced = announce;
    }
    const bool other = before.announced != state_.announced || before.known != state_.known ||
                       before.error != state_.error;
    if (!other) continue;
    lock.unlock();
    if (!error.empty()) sys::log_error("routers are not told: " + error);
    told_();
    lock.lock();
  }
}

std::string Announcer::tell(bool announce, const std::string& reason, bool changed) {
  if (!settings_.bird.empty()) {
    const auto done = switch_bird(settings_.bird, settings_.protocol, announce);
    if (!done) return done.error().what;
  }
  return settings_.hook.empty() ? "" : call_hook(announce, reason, changed);
}

std::string Announcer::call_hook(bool announce, const std::string& reason, bool changed) {
  const base::Nanoseconds now = sys::monotonic_ns();
  const base::Nanoseconds pause = !hook_error_.empty() ? kHookAgain : settings_.hook_every;
  if (now < hook_at_ + pause && (!changed || !hook_error_.empty())) return hook_error_;
  hook_at_ = now;
  hook_error_ = run_program(
      settings_.hook, {announce ? "announce" : "withdraw", settings_.node, reason}, kHookTimeout
  );
  return hook_error_;
}

}  // namespace fairlead::routes
