/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Which backend a QUIC packet's connection id names (path/quic.cc) for the gate.
#ifndef FAIRLEAD_EBPF_GATE_QUIC_H
#define FAIRLEAD_EBPF_GATE_QUIC_H

#include "dataplane/net/quic.h"
#include "ebpf/include/gate_table.h"

/// As far as a connection id reaches into the payload, and more.
#define FL_QUIC_HEAD_BYTES 32u

/// The member that a key of struct fl_quic_server names, or FL_NO_MEMBER.
static __always_inline __u32
fl_find_quic_server(const struct fl_work* w, const struct fl_vip* vip, const __u64 key[2]) {
  const __u32 start = fl_vip_hash(key[0], key[1], 0, 0);
  for (__u32 step = 0; step < FL_VIP_PROBES; step++) {
    const __u32 at = (start + step) & vip->quic_mask;
    const struct fl_quic_server* server = fl_line(&fl_steering, w->bank + vip->quic_line + at / 2);
    if (!server) return FL_NO_MEMBER;
    FL_KEEP(server);
    server += at % 2;
    if (server->member == FL_NO_MEMBER) return FL_NO_MEMBER;
    const __u64* const word = (const __u64*)server->key;
    if (word[0] == key[0] && word[1] == key[1]) return server->member;
  }
  return FL_NO_MEMBER;
}

/// The member that the packet's connection id names, if it can serve; else FL_NO_MEMBER. A global
/// function: only packets of QUIC vips pay for it.
__attribute__((noinline)) __u32 fl_quic_member(
    struct xdp_md* ctx, const struct fl_work* w, const struct fl_packet* p
) {
  if (!w || !p) return FL_NO_MEMBER;
  const struct fl_vip* const vip = fl_line(&fl_steering, w->vip_line);
  const __u32 begin = p->l4 + sizeof(struct udphdr);
  const __u32 end = p->l3 + p->ip_bytes;
  if (!vip || begin >= end) return FL_NO_MEMBER;
  const __u32 bytes = end - begin;
  __u8 payload[FL_QUIC_HEAD_BYTES] = {};
  // 1 to 32, in a form whose bounds Linux 6.1 keeps.
  __u32 behind_first = (bytes < sizeof payload ? bytes : sizeof payload) - 1;
  FL_KEEP(behind_first);
  behind_first &= sizeof payload - 1;
  if (bpf_xdp_load_bytes(ctx, begin, payload, behind_first + 1)) return FL_NO_MEMBER;
  __u32 id_bytes = 0;
  __u32 at = fl_quic_id_at(payload, bytes, &id_bytes);
  FL_KEEP(at);  // else the compiler makes bit operations on a pointer of it
  if (!at || at > FL_QUIC_LONG_ID_AT) return FL_NO_MEMBER;
  union {
    __u8 byte[16];
    __u64 word[2];
  } key = {};
  if (!fl_quic_key(payload + at, id_bytes, vip->quic_id_bytes, key.byte)) return FL_NO_MEMBER;
  const __u32 number = fl_find_quic_server(w, vip, key.word);
  const struct fl_member* const member = fl_member_of(w, number);
  if (!member || member->vip != w->vip) return FL_NO_MEMBER;
  if (member->state == FL_MEMBER_ACTIVE) return number;
  // A long header may be of a connection that only begins.
  return member->state == FL_MEMBER_DRAINING && !(payload[0] & FL_QUIC_LONG) ? number
                                                                             : FL_NO_MEMBER;
}

#endif
