/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The published table (steer/table_view.hh) for the gate: vip of a destination, slots, members.
///
/// A packet reads the generation in force once and acknowledges nothing, but all its reads are
/// bounded lookups. Its bank is rewritten three generations later, sooner while a hanging worker
/// keeps one (docs/publication.md): a packet that is held up for so long may go to a wrong backend
/// and be counted on a wrong line.
#ifndef FAIRLEAD_EBPF_GATE_TABLE_H
#define FAIRLEAD_EBPF_GATE_TABLE_H

#include "dataplane/net/gue.h"
#include "dataplane/steer/flow_hash.h"
#include "ebpf/include/gate_regions.h"
#include "ebpf/include/packet.h"

/// The bank of a generation: number of its first line in `steering`, 0: none.
static __always_inline __u32 fl_bank_of(__u64 generation) {
  const struct fl_gate_settings* const settings = fl_settings();
  if (!settings || !settings->bank_lines || !generation) return 0;
  return FL_BANKS_OFFSET / FL_LINE_BYTES + (__u32)(generation % FL_BANKS) * settings->bank_lines;
}

/// The bank in force, 0: none.
static __always_inline __u32 fl_bank_in_force(void) {
  const struct fl_current* const current = fl_line(&fl_steering, 1);
  return current ? fl_bank_of(*(const volatile __u64*)&current->generation) : 0;
}

/// First `bits` bits of a 64-bit word in network order.
static __always_inline __u64 fl_prefix_mask(__u32 bits) {
  if (bits >= 64) return ~0ULL;
  return bits ? bpf_cpu_to_be64(~0ULL << (64 - bits)) : 0;
}

/// Probes the vip index for a masked address: line of the vip in `steering`, 0: none.
static __always_inline __u32 fl_probe_vip(
    __u32 bank, const struct fl_bank* head, const struct fl_packet* key, __u16 port, __u8 length
) {
  const __u32 start = fl_vip_hash(key->destination[0], key->destination[1], key->protocol, port);
  for (__u32 step = 0; step < FL_VIP_PROBES; step++) {
    const __u32 at = (start + step) & head->index_mask;
    const __u16* const entries = fl_line(&fl_steering, bank + head->index_line + at / 32);
    if (!entries) return 0;
    const __u16 entry = entries[at % 32];
    if (entry == FL_VIP_EMPTY) return 0;
    const __u32 line = bank + head->vips_line + entry;
    const struct fl_vip* const vip = fl_line(&fl_steering, line);
    if (!vip) return 0;
    const __u64* const address = (const __u64*)vip->address;
    if (address[0] == key->destination[0] && address[1] == key->destination[1] &&
        *(const __u16*)vip->port == port && vip->protocol == key->protocol &&
        vip->family == key->family && vip->prefix_len == length)
      return line;
  }
  return 0;
}

/// The vip of a packet's destination, protocol and port: its line in `steering`, 0: none. The most
/// specific match wins.
__attribute__((noinline)) __u32 fl_find_vip(__u32 bank, const struct fl_packet* p) {
  if (!p) return 0;
  const struct fl_bank* const head = fl_line(&fl_steering, bank);
  // Shapes 0 to 3 lie in the bank's second line, the others in the third.
  const __u8* const second = fl_line(&fl_steering, bank + 1);
  const __u8* const third = fl_line(&fl_steering, bank + 2);
  if (!head || !second || !third) return 0;
  struct fl_packet key = *p;
  for (__u32 i = 0; i < FL_MAX_SHAPES; i++) {
    if (i >= head->shape_count) return 0;
    const __u32 at = (FL_IN_LINE(struct fl_bank, shapes) + i * sizeof(struct fl_shape)) % 64;
    const struct fl_shape* const shape = (const struct fl_shape*)((i < 4 ? second : third) + at);
    if (shape->family != p->family) continue;
    const __u8 length = shape->prefix_len;
    // An IPv4 address is the upper half of its word in network order.
    key.destination[0] = p->destination[0] & fl_prefix_mask(length);
    key.destination[1] = length > 64 ? p->destination[1] & fl_prefix_mask(length - 64u) : 0;
    const __u16 port = shape->any_port ? 0 : (__u16)(p->ports >> 16);
    const __u32 line = fl_probe_vip(bank, head, &key, port, length);
    if (line) return line;
  }
  return 0;
}

/// What is known of a packet on its way; filled in from left to right.
struct fl_work {
  __u64 now;
  __u64 hash;
  __u32 worker;  /* whose flows and counters */
  __u32 page;    /* first line of the queue's page in `workers` */
  __u32 bank;    /* first line of the bank in `steering` */
  __u32 members; /* first line of the members */
  __u32 member_count;
  __u32 slots; /* first line of the vip's slots */
  __u32 pool;  /* first line of the members that they name */
  __u32 table_size;
  __u32 vip;    /* number */
  __u32 member; /* number; FL_NO_MEMBER: none */
  __u32 named;  /* the same, by the packet's connection id (QUIC) */
  __u32 bucket_mask;
  __u8 choices;
  __u8 encapsulation;
  __u8 protocol;
  __u8 tcp_flags;
  __u32 vip_line;    /* of the vip in `steering` */
  __u32 outer_bytes; /* between Ethernet header and packet, once they are written */
  __u32 outer_family;
  __u32 hop_count;
  __u32 hop_limit;
  __u32 hop[FL_GUE_MAX_HOPS]; /* members to ask besides `member` */
  __u8 seeking;               /* the backend is a guess: GUE names others to ask */
  __u8 stateless;             /* the flow table may not be written */
  __u8 retried;               /* the flow's last backend did not answer */
  __u8 vip_flags;
  __u8 piece;     /* as fl_packet's */
  __u8 elsewhere; /* `member` is what another worker's table says; there was no room here */
};

static __always_inline const struct fl_member* fl_member_of(const struct fl_work* w, __u32 number) {
  if (number >= w->member_count) return 0;
  return fl_line(&fl_steering, w->members + number);
}

/// A word of a section whose first line is `first`; FL_NO_MEMBER: outside.
static __always_inline __u32 fl_word(__u32 first, __u32 index) {
  const __u32* const line = fl_line(&fl_steering, first + index / 16);
  return line ? line[index % 16] : FL_NO_MEMBER;
}

/// The member that owns a slot.
static __always_inline __u32 fl_slot(const struct fl_work* w, __u32 index) {
  return fl_word(w->pool, fl_slot_owner(fl_word(w->slots, index)));
}

/// Who owned a slot before its owner; FL_NO_MEMBER: nobody known.
static __always_inline __u32 fl_earlier_owner(const struct fl_work* w, __u32 index) {
  const __u32 position = fl_slot_earlier(fl_word(w->slots, index));
  return position ? fl_word(w->pool, position - 1) : FL_NO_MEMBER;
}

#endif
