// SPDX-License-Identifier: BSD-3-Clause
// Claiming and giving back a queue.
#include "dataplane/ownership.hh"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fairlead::dataplane {
namespace {

// Returns when every packet handler that ran at the call has ended: the command waits for an RCU
// grace period, and XDP programs with all they redirect run inside one read-side section (softirq).
// Without it a packet whose program saw our name on the queue may reach the socket after the worker
// has read it empty for the last time, and is lost. No test shows that: nothing can hold a program
// between its look and its redirect, and the few hundred ns in between are not met by chance.
void wait_for_packet_handlers() {
  (void)::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

}  // namespace

void Ownership::lock() {
  for (;;) {
    std::uint32_t before = __atomic_load_n(&sign_->lock, __ATOMIC_RELAXED);
    // Ours already: a predecessor died with it in hand. The gate holds it for one packet.
    if (before != FL_LOCK_GATE &&
        __atomic_compare_exchange_n(
            &sign_->lock, &before, FL_LOCK_DATAPLANE, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED
        ))
      return;
    __builtin_ia32_pause();
  }
}

void Ownership::unlock() {
  // Not if the gate took it: it does when this thread hangs with the lock in hand.
  std::uint32_t expected = FL_LOCK_DATAPLANE;
  (void)__atomic_compare_exchange_n(
      &sign_->lock, &expected, FL_LOCK_FREE, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED
  );
}

void Ownership::claim(base::Nanoseconds now) {
  __atomic_store_n(&sign_->heartbeat_ns, now, __ATOMIC_SEQ_CST);
  lock();
  __atomic_store_n(&sign_->owner, FL_OWNER_DATAPLANE, __ATOMIC_SEQ_CST);
  unlock();
  steady_since_ = 0;
}

void Ownership::leave_to_gate() {
  lock();
  __atomic_store_n(&sign_->owner, FL_OWNER_GATE, __ATOMIC_SEQ_CST);
  sign_->gate_since_ns = sign_->heartbeat_ns;
  unlock();
}

void Ownership::give_back() {
  leave_to_gate();
  wait_for_packet_handlers();
}

bool Ownership::may_claim_again(base::Nanoseconds now) {
  if (steady_since_ == 0 || now > last_asked_ + kPause) steady_since_ = now;
  last_asked_ = now;
  return now >= steady_since_ + kSteady;
}

}  // namespace fairlead::dataplane
