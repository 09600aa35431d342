// SPDX-License-Identifier: BSD-3-Clause
// The handler.
#include "dataplane/crash_notice.hh"

#include <atomic>
#include <csignal>

#include <unistd.h>

namespace fairlead::dataplane {
namespace {

std::atomic<fl_workers*> watched{nullptr};
static_assert(std::atomic<fl_workers*>::is_always_lock_free, "read by a signal handler");

// Another worker may write its own heartbeat once more before the kernel stops it: then its queue
// waits until that is old.
void tell_and_die(int signal) {
  if (fl_workers* const workers = watched.load()) {
    const auto self = static_cast<std::uint32_t>(::getpid());
    for (fl_worker_page& page : workers->worker) {
      if (page.pid == self) __atomic_store_n(&page.heartbeat_ns, 0, __ATOMIC_SEQ_CST);
    }
  }
  (void)::raise(signal);  // by default now; delivered when this handler returns
}

}  // namespace

void tell_crashes(fl_workers* workers) {
  watched.store(workers);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  struct sigaction action {};
  action.sa_handler = tell_and_die;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    (void)::sigaction(signal, &action, nullptr);
#endif
}

}  // namespace fairlead::dataplane
