// SPDX-License-Identifier: BSD-3-Clause
// Ctrl-C during a watch.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "control/cli/session.hh"

namespace fairlead::cli {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "it is written by a signal handler");

void on_interrupt(int) {
  interrupted.store(true);
}

}  // namespace

void catch_interrupts() {
  interrupted.store(false);
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: sleeps and reads end early
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool sleep_for(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  timespec left{};
  left.tv_sec = static_cast<time_t>(seconds.count());
  left.tv_nsec = static_cast<long>(std::chrono::nanoseconds(time - seconds).count());
  while (!interrupted.load() && nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  return !interrupted.exchange(false);
}

}  // namespace fairlead::cli
