// SPDX-License-Identifier: BSD-3-Clause
// Passive ejection: a worker's own opinion of a backend, from the handshakes it sees.
//
// A worker sees only the clients' packets. A SYN begins a handshake; the client's first ACK proves
// that the backend answered. Rule:
//   * A backend is ejected for kEjectFor when at least kEjectPending SYNs (first or repeated)
//     have been sent to it since a handshake last completed, and the first of them kEjectSilence
//     ago. 250 ms is beyond the round trip of nearly all clients and a quarter of the SYN's first
//     retransmission time-out (1 s, RFC 6298), so the clients' repeated SYNs already find another
//     backend. One completed handshake clears the count: spoofed SYNs alone do not eject a
//     backend that serves anybody.
//   * After that, and once control has seen it answer a probe begun since, it is half-open: the
//     next new TCP flow that has it among its candidates goes to it as a trial, whatever the
//     scores, and the ejection is renewed for twice as long as the last one: 1, 2, 4 ... seconds,
//     at most kEjectLongest. A trial is a real client, whose SYN costs it a second if the backend
//     is dead; so none is made on a guess, and with control away an ejection does not end by time
//     (docs/health.md has the alternatives). Where no control ever was, time alone decides.
//   * A completed handshake of any of its flows ends the ejection and forgets its length.
//   * If every candidate is ejected, the first living one is used: ejection never refuses a flow.
// The counters lie in the worker's page, so a restarted process keeps its opinion. The low bits of
// ejected_until_ns (nanoseconds that nobody needs) say how often the ejection was renewed.
#pragma once

#include <algorithm>

#include "dataplane/base/clock.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::path {

inline constexpr std::uint32_t kEjectPending = 3;
inline constexpr base::Nanoseconds kEjectSilence = 250 * base::kMillisecond;
inline constexpr base::Nanoseconds kEjectFor = base::kSecond;
inline constexpr unsigned kEjectDoublings = 5;
inline constexpr base::Nanoseconds kEjectLongest = kEjectFor << kEjectDoublings;
inline constexpr std::uint64_t kRenewalsMask = 7;
static_assert(kEjectDoublings <= kRenewalsMask);

enum class Standing : std::uint8_t { kGood, kHalfOpen, kEjected };

/// The word ejected_until_ns of an ejection that begins now, after so many renewals.
inline std::uint64_t ejected_until(base::Nanoseconds now, unsigned renewals) {
  return ((now + (kEjectFor << renewals)) | kRenewalsMask) ^ (kRenewalsMask ^ renewals);
}

/// The backend's standing now; ejects it if the rule says so.
inline Standing standing(fl_backend_counters& backend, base::Nanoseconds now) {
  if (backend.ejected_until_ns == 0) [[likely]] {
    if (backend.pending < kEjectPending) return Standing::kGood;
    if (now < backend.pending_since_ns + kEjectSilence) return Standing::kGood;
    backend.ejected_until_ns = ejected_until(now, 0);
    ++backend.ejections;
  }
  return now < backend.ejected_until_ns ? Standing::kEjected : Standing::kHalfOpen;
}

/// standing() would say kGood and change nothing.
inline bool is_undisputed(const fl_backend_counters& backend, base::Nanoseconds now) {
  return (backend.ejected_until_ns == 0) &
         ((backend.pending < kEjectPending) | (now < backend.pending_since_ns + kEjectSilence));
}

/// When the ejection in force was begun or last renewed.
inline base::Nanoseconds ejected_since(const fl_backend_counters& backend) {
  const auto renewals = static_cast<unsigned>(backend.ejected_until_ns & kRenewalsMask);
  return backend.ejected_until_ns - (kEjectFor << renewals);
}

/// Whether a trial may be made of a backend whose ejection has lasted its time; `number` is the
/// backend's.
inline bool may_be_tried(
    const fl_scores* scores, std::uint32_t number, const fl_backend_counters& backend
) {
  if (scores == nullptr || scores->updated_ns == 0) return true;
  return scores->answered_ns[number] > ejected_since(backend);
}

/// A flow goes to a half-open backend: no other for a while.
inline void begin_trial(fl_backend_counters& backend, base::Nanoseconds now) {
  const auto renewals = static_cast<unsigned>(backend.ejected_until_ns & kRenewalsMask);
  backend.ejected_until_ns = ejected_until(now, std::min(renewals + 1, kEjectDoublings));
}

/// A SYN was sent to the backend.
inline void note_syn(fl_backend_counters& backend, base::Nanoseconds now) {
  if (backend.pending == 0) backend.pending_since_ns = now;
  ++backend.pending;
}

/// A client acknowledged: the backend answered its SYN.
inline void note_handshake(fl_backend_counters& backend) {
  ++backend.flows_completed;
  backend.pending = 0;
  backend.ejected_until_ns = 0;
}

}  // namespace fairlead::path
