/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The backend of a packet (path/flow_lookup.cc, path/select.cc, path/aside.cc) for the gate.
#ifndef FAIRLEAD_EBPF_GATE_DECIDE_H
#define FAIRLEAD_EBPF_GATE_DECIDE_H

#include "ebpf/include/gate_inherit.h"
#include "ebpf/include/gate_meter.h"
#include "ebpf/include/gate_outer.h"
#include "ebpf/include/gate_quic.h"
#include "ebpf/include/vip_match.h"

/// When a flow was last entered from a fragment: its whole packets may come to another queue.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} fl_gate_fragment_flow SEC(".maps");

/// A new flow: best candidate and an entry. 1: done.
static __always_inline int track(struct fl_work* w) {
  const int tcp = w->protocol == IPPROTO_TCP;
  w->member = fl_choose(w, tcp && !w->retried);
  if (w->member == FL_NO_MEMBER || !fl_enter(w, FL_FLOW_NEW, 1)) return 0;
  const struct fl_member* const member = fl_member_of(w, w->member);
  struct fl_backend_counters* const b = member ? fl_backend(w->page, member->backend) : 0;
  if (!b) return 0;
  b->flows_begun++;
  b->in_flight++;
  if (tcp) fl_note_syn(b, w->now);
  return 1;
}

/// Is it worth a look whether another worker's table has the flow? It may have begun there with a
/// fragment, or it is here with one (path/select.cc, flow_of_peer()).
static __always_inline int may_be_elsewhere(const struct fl_work* w) {
  if (w->piece) return 1;
  const __u64* const last = fl_line(&fl_gate_fragment_flow, 0);
  const __u64 idle = fl_bank_word(w, offsetof(struct fl_bank, idle_udp_ms)) * 1000000ull;
  return last && *last && *last + idle + (FL_SEEN_STEP + 1) * FL_FLOW_TICK_NS > w->now;
}

/// An entry for a flow whose backend was not chosen here, if there is room.
static __always_inline void adopt(struct fl_work* w) {
  if (fl_enter(w, FL_FLOW_ADOPTED, 0)) fl_count_event(w, w->vip, FL_EVENT_ADOPTED);
}

/// A flow that is known although this worker's table does not have it: it gets an entry here,
/// unless that would be a copy of what is to be forgotten. 1: sets w->member.
static __always_inline int place_elsewhere(struct fl_work* w, int may_enter) {
  if (w->named != FL_NO_MEMBER) {
    FL_ADD(w->page, quic_named, 1);
    FL_ADD(w->page, quic_moved, 1);
    w->member = w->named;
  } else {
    const __u32 known = may_be_elsewhere(w) ? fl_known_at_peers(w) : 0;
    if (!known) return 0;
    w->member = known & FL_FLOW_MEMBER_MASK;
    if (known & FL_KNOWN_TO_BE_FORGOTTEN) return 1;
  }
  if (may_enter) adopt(w);
  return 1;
}

/// A vip that does not track.
static __always_inline int pass_untracked(struct fl_work* w) {
  w->member = w->named != FL_NO_MEMBER ? w->named : fl_first(w, FL_WANT_SERVING);
  if (w->member == FL_NO_MEMBER) return FL_REASON_NO_BACKEND;
  if (w->stateless) return FL_REASON_NONE;
  if (w->named != FL_NO_MEMBER) FL_ADD(w->page, quic_named, 1);
  fl_count_event(w, w->vip, FL_EVENT_STATELESS);
  return FL_REASON_NONE;
}

/// A flow without an entry; the order of design is path/select.cc's. Sets w->member.
__attribute__((noinline)) int decide(struct fl_work* w, int hit) {
  if (!w || !w->table_size) return FL_REASON_NO_BACKEND;
  if (w->vip_flags & FL_VIP_STATELESS) return pass_untracked(w);
  const int tcp = w->protocol == IPPROTO_TCP;
  const int fresh = !tcp || fl_is_plain_syn(w->tcp_flags);
  w->seeking = !fresh;  // nobody here saw it begin: a guess
  const int mid_life = !fresh && fl_what_it_says(w->tcp_flags) == FL_SAYS_ACK;
  int may_enter = 0;
  if (!w->stateless && (fresh || mid_life)) {
    may_enter = fl_within_limit(w, mid_life ? FL_METER_ADOPTIONS : FL_METER_NEW_FLOWS);
    if (!may_enter) fl_count_event(w, w->vip, FL_EVENT_FLOOD);
  }
  if (hit == FL_FOREIGN) may_enter = 0;
  if ((!tcp || w->piece) && !w->stateless && place_elsewhere(w, may_enter)) return FL_REASON_NONE;
  if (fresh && may_enter && track(w)) return FL_REASON_NONE;
  // Without an entry every packet of the flow has to come to the same backend by itself.
  w->member = fl_first(w, FL_WANT_SERVING);
  if (w->member == FL_NO_MEMBER) return FL_REASON_NO_BACKEND;
  if (mid_life && may_enter) adopt(w);
  return FL_REASON_NONE;
}

/// Whether no flow may begin at a packet's source: it is a vip (nobody would begin, the services
/// would answer each other), or holds on its link alone (RFC 3927 2.7, RFC 4291 2.5.6). Flows that
/// are known are not asked. A global function: its callers have little stack left.
__attribute__((noinline)) int fl_is_no_client(const struct fl_packet* p) {
  if (!p) return 0;
  const __u32 first = (__u32)p->source[0] & 0xffff; /* as on the wire */
  if (p->family == 4 ? first == 0xfea9 : (first & 0xc0ff) == 0x80fe) return 1;
  struct fl_destination source = {.family = p->family, .protocol = FL_VIP_KEY_ADDRESS};
  __builtin_memcpy(source.address, p->source, sizeof source.address);
  return fl_is_vip(&source) != 0;
}

/// A flow that some worker's table has, left as it is; an open entry goes before others. 1: its
/// backend serves; sets w->member.
static __always_inline int take_known(struct fl_work* w) {
  __u32 known = (__u32)fl_known_by(w, w->worker);
  if (fl_serving_of(w, known) == FL_NO_MEMBER) known = 0;
  if (!known || !fl_is_open(known)) {
    const __u32 other = fl_known_at_peers(w);
    if (other && (!known || fl_is_open(other))) known = other;
  }
  if (!known) return 0;
  w->member = known & FL_FLOW_MEMBER_MASK;
  w->seeking = !fl_is_open(known);
  return 1;
}

/// The entry of a fragment's flow may be a copy of another worker's, whose flow has gone on
/// elsewhere since (path/fragments.cc). Returns where the entry is then, or FL_NO_POSITION.
__attribute__((noinline)) __u32 fl_without_old_copy(const struct fl_work* w, __u32 at) {
  if (!w) return FL_NO_POSITION;
  const struct fl_flow_bucket* const b = fl_bucket(w, at / FL_FLOW_ENTRIES);
  if (!b) return at;
  const __u32 word = b->entry[at % FL_FLOW_ENTRIES];
  if (fl_state_of(word) != FL_FLOW_ADOPTED) return at;
  const __u32 known = fl_known_at_peers(w);
  if (!known || !fl_is_open(known) || !((known ^ word) & FL_FLOW_MEMBER_MASK)) return at;
  fl_erase(w, at, FL_EVENT_REROUTED);
  return FL_NO_POSITION;
}

/// The backend of an ICMP error: that of the flow which it speaks of. The flow stays as it is.
static __always_inline int choose_for_error(struct fl_work* w) {
  if (take_known(w)) {
    if (!w->stateless) FL_ADD(w->page, icmp_errors, 1);
    return FL_REASON_NONE;
  }
  w->member = w->table_size ? fl_first(w, FL_WANT_SERVING) : FL_NO_MEMBER;
  if (w->member == FL_NO_MEMBER) return FL_REASON_NO_BACKEND;
  w->seeking = 1;
  if (!w->stateless) FL_ADD(w->page, icmp_errors_unknown, 1);
  return FL_REASON_NONE;
}

/// The same without the right to write: as the flow table says, or as its packets would be placed
/// without an entry.
static __always_inline int choose_stateless(struct fl_work* w, const struct fl_packet* p) {
  w->member = w->named;
  if (w->member != FL_NO_MEMBER || take_known(w)) return FL_REASON_NONE;
  if (fl_is_no_client(p)) return FL_REASON_MARTIAN_SOURCE;
  return decide(w, FL_RELEASED);
}

static __always_inline void count_lookup(const struct fl_work* w, int kept) {
  __u64* const line = fl_counter(w->page, offsetof(struct fl_worker_page, flow_hits));
  struct fl_vip_counters* const vip = fl_line(
      &fl_worker_lines,
      w->page + FL_PAGE_LINE(vips) + w->vip * (sizeof(struct fl_vip_counters) / FL_LINE_BYTES)
  );
  if (!line || !vip) return;
  line[0] += kept ? 1 : 0;
  line[1] += kept ? 0 : 1;
  vip->hits += kept ? 1 : 0;
  vip->misses += kept ? 0 : 1;
}

/// The backend of a packet: its flow's, or a new one. Sets w->member, returns an enum fl_reason.
static __always_inline int choose_member(
    struct xdp_md* ctx, struct fl_work* w, const struct fl_packet* p
) {
  if (w->vip_flags & FL_VIP_QUIC) w->named = fl_quic_member(ctx, w, p);
  if (w->stateless) return choose_stateless(w, p);
  __u32 at = fl_find_flow(w, w->worker);
  if (at == FL_NO_POSITION && !w->piece && !(w->vip_flags & FL_VIP_STATELESS)) at = fl_inherit(w);
  if (w->elsewhere) return FL_REASON_NONE;
  if (w->piece && at != FL_NO_POSITION) at = fl_without_old_copy(w, at);
  const int hit = at != FL_NO_POSITION ? fl_apply(w, at) : FL_RELEASED;
  count_lookup(w, hit == FL_KEPT);
  if (hit == FL_KEPT) return FL_REASON_NONE;
  return fl_is_no_client(p) ? FL_REASON_MARTIAN_SOURCE : decide(w, hit);
}

/// Fills in what the vip says and the flow hash. 1: done. A global function: its callers have
/// little stack left.
__attribute__((noinline)) int prepare(
    struct fl_work* w, const struct fl_packet* p, __u32 vip_line
) {
  if (!w || !p) return 0;
  const struct fl_vip* const vip = fl_line(&fl_steering, vip_line);
  const struct fl_bank* const head = fl_line(&fl_steering, w->bank);
  const uint64_t* const second = fl_line(&fl_steering, w->bank + 1);
  const struct fl_gate_settings* const settings = fl_settings();
  if (!vip || !head || !second || !settings) return 0;
  w->members = w->bank + head->members_line;
  w->member_count = head->member_count;
  w->slots = w->bank + vip->slots_line;
  w->pool = w->bank + vip->pool_line;
  w->table_size = vip->table_size;
  w->vip = vip->vip & (FL_MAX_VIPS - 1);
  w->bucket_mask = settings->bucket_mask;
  w->vip_line = vip_line;
  w->choices = vip->choices;
  w->encapsulation = vip->encapsulation;
  w->vip_flags = vip->flags;
  w->protocol = p->protocol;
  w->tcp_flags = p->tcp_flags;
  w->member = FL_NO_MEMBER;
  w->named = FL_NO_MEMBER;
  w->piece = p->piece;
  if (p->family == 4) {
    w->hash = fl_flow_hash4(second, p->source[0] | p->destination[0] << 32, p->ports, p->protocol);
  } else {
    const uint64_t addresses[4] = {
        p->source[0], p->source[1], p->destination[0], p->destination[1]};
    w->hash = fl_flow_hash6(second, addresses, p->ports, p->protocol);
  }
  return 1;
}

#endif
