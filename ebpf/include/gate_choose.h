/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Which backend a flow without an entry gets: path/candidates.hh and path/backend_health.hh for
/// the gate. The numbers here are theirs; the packet table runs on both.
#ifndef FAIRLEAD_EBPF_GATE_CHOOSE_H
#define FAIRLEAD_EBPF_GATE_CHOOSE_H

#include "dataplane/steer/reserves.h"
#include "dataplane/steer/score.h"
#include "ebpf/include/gate_table.h"

#define FL_WALK_SLOTS 64u
#define FL_EJECTED_WALK_SLOTS 16u
#define FL_EJECT_PENDING 3u
#define FL_EJECT_SILENCE_NS 250000000ull
#define FL_EJECT_FOR_NS 1000000000ull
#define FL_LOOKS_FULL 0xffffffffu

#define FL_EJECT_DOUBLINGS 5u
#define FL_RENEWALS_MASK 7ull

/// The word ejected_until_ns: its low bits say how often the ejection was renewed. A global
/// function: its shift by an unknown number multiplied the verifier's states in every loop that has
/// it inlined.
__attribute__((noinline)) __u64 fl_ejected_until(__u64 now, __u32 renewals) {
  const __u64 until = now + (FL_EJECT_FOR_NS << (renewals & FL_RENEWALS_MASK));
  return (until | FL_RENEWALS_MASK) ^ (FL_RENEWALS_MASK ^ renewals);
}

enum fl_standing { FL_GOOD, FL_HALF_OPEN, FL_EJECTED };

/// An enum fl_standing. A global function, like the others here: inlined, its branches multiplied
/// in the loops over candidates until the verifier gave up.
__attribute__((noinline)) int fl_standing_of(struct fl_backend_counters* b, __u64 now) {
  if (!b) return FL_EJECTED;
  if (!b->ejected_until_ns) {
    if (b->pending < FL_EJECT_PENDING) return FL_GOOD;
    if (now < b->pending_since_ns + FL_EJECT_SILENCE_NS) return FL_GOOD;
    b->ejected_until_ns = fl_ejected_until(now, 0);
    b->ejections++;
  }
  return now < b->ejected_until_ns ? FL_EJECTED : FL_HALF_OPEN;
}

/// Whether a trial may be made of a backend whose ejection has lasted its time: control has seen it
/// answer since.
__attribute__((noinline)) int fl_may_be_tried(const struct fl_backend_counters* b, __u32 backend) {
  if (!b) return 0;
  const __u64* const updated = fl_line(&fl_score_lines, 1);
  if (!updated || !*updated) return 1;
  const __u64* answered = fl_line(
      &fl_score_lines, offsetof(struct fl_scores, answered_ns) / FL_LINE_BYTES + backend / 8
  );
  if (!answered) return 0;
  FL_KEEP(answered);
  const __u32 renewals = (__u32)(b->ejected_until_ns & FL_RENEWALS_MASK);
  return answered[backend % 8] > b->ejected_until_ns - (FL_EJECT_FOR_NS << renewals);
}

static __always_inline void fl_note_syn(struct fl_backend_counters* b, __u64 now) {
  if (!b->pending) b->pending_since_ns = now;
  b->pending++;
}

static __always_inline void fl_note_handshake(struct fl_backend_counters* b) {
  b->flows_completed++;
  b->pending = 0;
  b->ejected_until_ns = 0;
}

static __always_inline const struct fl_score* fl_score_of(const struct fl_work* w, __u32 backend) {
  const __u32 index = w->worker * FL_MAX_BACKENDS + backend;
  const struct fl_score* line =
      fl_line(&fl_score_lines, offsetof(struct fl_scores, score) / FL_LINE_BYTES + index / 8);
  if (!line) return 0;
  FL_KEEP(line);
  return line + index % 8;
}

static __always_inline int fl_external_fresh(__u64 now) {
  const __u64* const line = fl_line(&fl_score_lines, 1);
  return line && *line && now < *line + FL_SCORES_STALE_NS;
}

static __always_inline __u32
fl_inverse_weight(const struct fl_score* score, const struct fl_member* member) {
  return score && score->inverse_weight ? score->inverse_weight : member->inverse_weight;
}

/// Usable without reservation.
static __always_inline int fl_is_good(const struct fl_work* w, const struct fl_member* member) {
  if (member->state != FL_MEMBER_ACTIVE) return 0;
  if (fl_inverse_weight(fl_score_of(w, member->backend), member) == FL_LOOKS_FULL) return 0;
  struct fl_backend_counters* const b = fl_backend(w->page, member->backend);
  return b && fl_standing_of(b, w->now) == FL_GOOD;
}

enum fl_wanted { FL_WANT_GOOD, FL_WANT_ACTIVE, FL_WANT_SERVING };

static __always_inline int fl_fits(const struct fl_work* w, __u32 number, __u32 wanted) {
  const struct fl_member* const member = fl_member_of(w, number);
  if (!member) return 0;
  if (wanted == FL_WANT_GOOD) return fl_is_good(w, member);
  if (member->state == FL_MEMBER_ACTIVE) return 1;
  return wanted == FL_WANT_SERVING && member->state == FL_MEMBER_DRAINING;
}

/// The first fitting member of up to `limit` slots after candidate 0's, in order, wrapping.
__attribute__((noinline)) __u32 fl_walk(const struct fl_work* w, __u32 limit, __u32 wanted) {
  if (!w) return FL_NO_MEMBER;
  const __u32 size = w->table_size;
  __u32 slot = fl_candidate_slot(w->hash, 0, size);
  for (__u32 step = 0; step < FL_WALK_SLOTS; step++) {
    if (step >= limit || step + 1 >= size) break;
    slot = slot + 1 == size ? 0 : slot + 1;
    const __u32 number = fl_slot(w, slot);
    if (fl_fits(w, number, wanted)) return number;
  }
  return FL_NO_MEMBER;
}

/// The first fitting member among the candidates, then of the walk.
__attribute__((noinline)) __u32 fl_first(const struct fl_work* w, __u32 wanted) {
  if (!w) return FL_NO_MEMBER;
#pragma unroll
  for (__u32 c = 0; c < FL_MAX_CANDIDATES; c++) {
    if (c >= w->choices) break;
    const __u32 number = fl_slot(w, fl_candidate_slot(w->hash, c, w->table_size));
    if (fl_fits(w, number, wanted)) return number;
  }
  return fl_walk(w, FL_WALK_SLOTS, wanted);
}

#define FL_UNUSABLE 0xffffffffffffffffull
#define FL_TRIAL 0ull

/// How good a candidate is: the smaller the better; FL_TRIAL: take it, FL_UNUSABLE: leave it.
__attribute__((noinline)) __u64 fl_rate(const struct fl_work* w, __u32 number, __u32 may_be_trial) {
  if (!w) return FL_UNUSABLE;
  const struct fl_member* const member = fl_member_of(w, number);
  if (!member || member->state != FL_MEMBER_ACTIVE) return FL_UNUSABLE;
  const struct fl_score* const score = fl_score_of(w, member->backend);
  const __u32 inverse = fl_inverse_weight(score, member);
  if (inverse == FL_LOOKS_FULL) return FL_UNUSABLE;
  const __u64 external = score && fl_external_fresh(w->now) ? score->external : 0;
  struct fl_backend_counters* const b = fl_backend(w->page, member->backend);
  if (!b) return FL_UNUSABLE;
  int standing = fl_standing_of(b, w->now);
  if (standing == FL_HALF_OPEN && !fl_may_be_tried(b, member->backend)) standing = FL_EJECTED;
  if (standing == FL_HALF_OPEN && may_be_trial) {
    __u32 renewals = (__u32)(b->ejected_until_ns & FL_RENEWALS_MASK) + 1;
    if (renewals > FL_EJECT_DOUBLINGS) renewals = FL_EJECT_DOUBLINGS;
    b->ejected_until_ns = fl_ejected_until(w->now, renewals);
    return FL_TRIAL;
  }
  if (standing == FL_EJECTED || (standing == FL_HALF_OPEN && w->retried)) return FL_UNUSABLE;
  return fl_score_value(b->in_flight + external + 1, fl_member_parallel(member), inverse) + 1;
}

/// Whether a new flow would wait at the member.
static __always_inline int fl_waits_at(const struct fl_work* w, __u32 number) {
  const struct fl_member* const member = fl_member_of(w, number);
  if (!member) return 0;
  const struct fl_score* const score = fl_score_of(w, member->backend);
  const __u64 external = score && fl_external_fresh(w->now) ? score->external : 0;
  const struct fl_backend_counters* const b = fl_backend(w->page, member->backend);
  return b && fl_waits(b->in_flight + external + 1, fl_member_parallel(member));
}

/// A reserve's rate: it has to be good without doubt.
static __always_inline __u64 fl_rate_reserve(const struct fl_work* w, __u32 number) {
  const struct fl_member* const member = fl_member_of(w, number);
  if (!member) return FL_UNUSABLE;
  const struct fl_backend_counters* const b = fl_backend(w->page, member->backend);
  if (!b || b->ejected_until_ns) return FL_UNUSABLE;
  if (b->pending >= FL_EJECT_PENDING && w->now >= b->pending_since_ns + FL_EJECT_SILENCE_NS)
    return FL_UNUSABLE;
  return fl_rate(w, number, 0);
}

/// `best`, a candidate, or a reserve that is better if the flow would wait there.
__attribute__((noinline)) __u32 fl_or_reserve(const struct fl_work* w, __u32 best, __u64 rate) {
  if (!w || !fl_waits_at(w, best)) return best;
  const struct fl_member* const candidate = fl_member_of(w, best);
  if (!candidate) return best;
  const __u32 size = w->table_size;
  const __u32 reserves = fl_reserves(w->choices, w->encapsulation, candidate->family, 0);
  __u32 slot = fl_candidate_slot(w->hash, 0, size);
  for (__u32 step = 0; step < FL_USUAL_RESERVES; step++) {
    if (step >= reserves || step + 1 >= size) break;
    slot = slot + 1 == size ? 0 : slot + 1;
    const __u32 number = fl_slot(w, slot);
    const __u64 here = fl_rate_reserve(w, number);
    if (here >= rate) continue;
    best = number;
    rate = here;
  }
  return best;
}

/// The best candidate; `may_be_trial`: of a half-open backend.
__attribute__((noinline)) __u32 fl_choose(const struct fl_work* w, __u32 may_be_trial) {
  if (!w) return FL_NO_MEMBER;
  __u32 best = FL_NO_MEMBER;
  __u64 best_rate = FL_UNUSABLE;
#pragma unroll
  for (__u32 c = 0; c < FL_MAX_CANDIDATES; c++) {
    if (c >= w->choices) break;
    const __u32 number = fl_slot(w, fl_candidate_slot(w->hash, c, w->table_size));
    const __u64 rate = fl_rate(w, number, may_be_trial);
    if (rate == FL_TRIAL) return number;
    if (rate >= best_rate) continue;
    best = number;
    best_rate = rate;
  }
  if (best != FL_NO_MEMBER) return fl_or_reserve(w, best, best_rate);
  best = fl_walk(w, FL_EJECTED_WALK_SLOTS, FL_WANT_GOOD);
  return best != FL_NO_MEMBER ? best : fl_first(w, FL_WANT_ACTIVE);
}

#endif
