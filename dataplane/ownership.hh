// SPDX-License-Identifier: BSD-3-Clause
// A worker's side of the hand-over between data plane and XDP gate (docs/takeover.md).
#pragma once

#include <cstdint>

#include "dataplane/base/clock.hh"
#include "dataplane/steer/handover.h"

namespace fairlead::dataplane {

/// Who owns the queue is one word in the worker's page: the owner alone writes the page's counters
/// and the flow table. The worker claims and gives back; the gate takes when the worker's socket is
/// gone or its heartbeat stale. Where no gate runs nobody else changes the word, and nothing here
/// waits. Worker thread only.
class Ownership {
 public:
  explicit Ownership(fl_worker_page* page) : sign_(fl_sign_of(page)) {}

  /// One load; asked before every burst. False: the gate took the queue while this thread hung.
  [[nodiscard]] bool held() const {
    return __atomic_load_n(&sign_->owner, __ATOMIC_ACQUIRE) == FL_OWNER_DATAPLANE;
  }

  /// Takes the queue: waits for the packet that the gate has in hand, then is the one writer. The
  /// heartbeat is renewed first, else the gate would take it back.
  void claim(base::Nanoseconds now);

  /// The gate is to forward until claim(): at the start, when nothing of ours is in the ring yet.
  void leave_to_gate();

  /// Gives the queue to the gate and waits until no packet is on its way to our socket any more:
  /// what is in the receive ring then is all there will be. Takes one grace period of the kernel,
  /// 10 to 30 ms, in which the gate already forwards.
  void give_back();

  /// For the bursts that are still in the ring after give_back(): excludes the gate, packet by
  /// packet.
  void lock();
  void unlock();

  /// While !held(): true when this thread has run without pause for kSteady, so that a worker on a
  /// crowded core does not go to and fro.
  [[nodiscard]] bool may_claim_again(base::Nanoseconds now);

  static constexpr base::Nanoseconds kSteady = 20 * base::kMillisecond;
  static constexpr base::Nanoseconds kPause = 10 * base::kMillisecond;

 private:
  fl_sign* sign_;
  base::Nanoseconds steady_since_ = 0;
  base::Nanoseconds last_asked_ = 0;
};

}  // namespace fairlead::dataplane
