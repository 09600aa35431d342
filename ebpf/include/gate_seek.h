/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The hop list of a packet whose backend is a guess (path/candidates.hh, others_to_ask()) for the
/// gate.
#ifndef FAIRLEAD_EBPF_GATE_SEEK_H
#define FAIRLEAD_EBPF_GATE_SEEK_H

#include "dataplane/net/gue.h"
#include "ebpf/include/gate_choose.h"
#include "ebpf/include/gate_meter.h"

/// Adds a member to the list, if it serves and is not in it. A global function, like the other:
/// its branches multiply.
__attribute__((noinline)) int fl_add_hop(struct fl_work* w, __u32 number) {
  if (!w) return 0;
  const __u32 count = w->hop_count;
  if (number == w->member || count >= w->hop_limit) return 0;
  const struct fl_member* const member = fl_member_of(w, number);
  if (!member || member->vip != w->vip || member->family != w->outer_family) return 0;
  if (member->state != FL_MEMBER_ACTIVE && member->state != FL_MEMBER_DRAINING) return 0;
  for (__u32 i = 0; i < FL_GUE_MAX_HOPS; i++)
    if (i < count && w->hop[i] == number) return 0;
  if (count >= FL_GUE_MAX_HOPS) return 0;  // never: a bound that the verifier sees
  w->hop[count] = number;
  w->hop_count = count + 1;
  return 1;
}

/// Adds the owners, or the earlier ones, of `steps` slots behind the first candidate's.
__attribute__((noinline)) int fl_walk_hops(struct fl_work* w, __u32 steps, __u32 earlier) {
  if (!w || !w->table_size) return 0;
  const __u32 size = w->table_size;
  __u32 slot = fl_candidate_slot(w->hash, 0, size);
  for (__u32 step = 0; step < FL_ASKED_SLOTS; step++) {
    if (step >= steps || step + 1 >= size) break;
    slot = slot + 1 == size ? 0 : slot + 1;
    fl_add_hop(w, earlier ? fl_earlier_owner(w, slot) : fl_slot(w, slot));
  }
  return 0;
}

/// Adds the members of a small pool.
__attribute__((noinline)) int fl_add_pool(struct fl_work* w) {
  if (!w) return 0;
  const struct fl_vip* const vip = fl_line(&fl_steering, w->vip_line);
  if (!vip || vip->pool_size > FL_FEW_MEMBERS) return 0;
  const __u32 count = vip->pool_size;
  for (__u32 i = 0; i < FL_FEW_MEMBERS; i++) {
    if (i >= count) break;
    fl_add_hop(w, fl_word(w->pool, i));
  }
  return 0;
}

/// Most hops of a packet: in a flood of packets that belong to no connection no more than clients
/// are told of (path/encap.cc, most_hops_now()).
static __always_inline __u32 fl_most_hops_now(const struct fl_work* w, __u32 pool_size) {
  const __u32 told = fl_most_hops(w->choices, w->encapsulation, w->protocol, w->outer_family);
  const __u32 longest =
      fl_longest_list(w->choices, w->encapsulation, w->protocol, w->outer_family, pool_size);
  if (longest == told) return told;
  return fl_within_limit(w, FL_METER_LONG_LISTS) ? longest : told;
}

/// Fills w->hop with who else may know the connection, most likely first, as many as the MTU has
/// room for.
__attribute__((noinline)) int fl_find_hops(struct fl_work* w, __u32 packet_bytes, __u32 mtu) {
  const struct fl_vip* const vip = w ? fl_line(&fl_steering, w->vip_line) : 0;
  if (!w || !vip || !w->table_size) return 0;
  w->hop_limit = fl_most_hops_now(w, vip->pool_size);
  for (__u32 c = 0; c < FL_MAX_CANDIDATES; c++)
    if (c < w->choices) fl_add_hop(w, fl_slot(w, fl_candidate_slot(w->hash, c, w->table_size)));
  const __u32 reserves = fl_reserves(w->choices, w->encapsulation, w->outer_family, 0);
  fl_walk_hops(w, reserves, 0);
  for (__u32 c = 0; c < FL_MAX_CANDIDATES; c++)
    if (c < w->choices)
      fl_add_hop(w, fl_earlier_owner(w, fl_candidate_slot(w->hash, c, w->table_size)));
  fl_walk_hops(w, reserves, 1);
  fl_walk_hops(w, FL_ASKED_SLOTS, 0);
  fl_add_pool(w);
  const __u32 hop_bytes = w->outer_family == 6 ? FL_GUE_HOP6_BYTES : FL_GUE_HOP_BYTES;
  const __u32 fixed = fl_outer_bytes((__u8)w->outer_family, FL_ENCAP_GUE, 0) +
                      (w->outer_family == 6 ? FL_GUE_PRIVATE_BYTES : 0);
  for (__u32 i = 0; i < FL_GUE_MAX_HOPS; i++) {
    if (!w->hop_count || packet_bytes + fixed + w->hop_count * hop_bytes <= mtu) break;
    w->hop_count--;
  }
  return 0;
}

/// Writes the hops' addresses at `offset` of the frame. 0: done.
__attribute__((noinline)) int fl_write_hops(
    struct xdp_md* ctx, const struct fl_work* w, __u32 offset
) {
  if (!w) return -1;
  const __u32 bytes = w->outer_family == 6 ? FL_GUE_HOP6_BYTES : FL_GUE_HOP_BYTES;
  for (__u32 i = 0; i < FL_GUE_MAX_HOPS; i++) {
    if (i >= w->hop_count) break;
    const struct fl_member* const member = fl_member_of(w, w->hop[i]);
    if (!member) return -1;
    __u32 address[4];
    __builtin_memcpy(address, member->address, sizeof address);
    if (bpf_xdp_store_bytes(ctx, offset + i * bytes, address, bytes == 4 ? 4 : 16)) return -1;
  }
  return 0;
}

#endif
