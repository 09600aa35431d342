// SPDX-License-Identifier: BSD-3-Clause
// Threads that must not be sent to the back of the queue in the middle of their work.
#pragma once

#include <pthread.h>

#include <sched.h>

namespace fairlead::sys {

/// The calling thread goes before all ordinary ones of its core from now on; threads that it makes
/// do not. For loops that sleep between turns of a millisecond or so. Without the right to ask
/// (CAP_SYS_NICE) the thread stays ordinary.
inline void become_urgent() {
  sched_param lowest{};
  lowest.sched_priority = 1;
  (void)::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest);
}

/// A mutex between urgent and ordinary threads: who holds it is as urgent as who waits for it, so
/// an ordinary holder cannot lose its core and keep an urgent waiter with it (priority
/// inheritance). Lockable for std::lock_guard.
class UrgentMutex {
 public:
  UrgentMutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~UrgentMutex() { pthread_mutex_destroy(&mutex_); }
  UrgentMutex(const UrgentMutex&) = delete;
  UrgentMutex& operator=(const UrgentMutex&) = delete;

  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

}  // namespace fairlead::sys
