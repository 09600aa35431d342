/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// ECN through a tunnel (RFC 6040, section 4.2) and the outer IPv4 header's checksum.
#ifndef FAIRLEAD_EBPF_ECN_H
#define FAIRLEAD_EBPF_ECN_H

#include "ebpf/include/parse.h"

enum fl_ecn { FL_ECN_NOT_ECT = 0, FL_ECN_ECT1 = 1, FL_ECN_ECT0 = 2, FL_ECN_CE = 3 };

/// The inner packet's ECN field after decapsulation; -1: drop (congestion was marked on a packet
/// whose sender would not understand the mark).
static __always_inline int fl_decapsulated_ecn(__u8 outer, __u8 inner) {
  if (outer == FL_ECN_CE) return inner == FL_ECN_NOT_ECT ? -1 : FL_ECN_CE;
  if (outer == FL_ECN_ECT1 && inner == FL_ECN_ECT0) return FL_ECN_ECT1;
  return inner;
}

/// Sum of 16-bit words folded to 16 bits.
static __always_inline __u16 fl_fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)sum;
}

/// Writes the ECN field of the packet at `offset`; IPv4: updates the checksum (RFC 1624, equation
/// 3).
static __always_inline int fl_set_ecn(struct xdp_md* ctx, __u32 offset, __u8 family, __u8 ecn) {
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  if (offset > FL_L3_MAX_OFFSET) return -1;
  offset = fl_bounded(offset);
  if (family == 6) {
    struct ipv6hdr* ip6 = data + offset;
    if ((void*)(ip6 + 1) > data_end) return -1;
    ip6->flow_lbl[0] = (__u8)((ip6->flow_lbl[0] & 0xcf) | ecn << 4);
    return 0;
  }
  struct iphdr* ip = data + offset;
  if ((void*)(ip + 1) > data_end) return -1;
  __be16* word = (__be16*)ip;  // version, length, TOS
  const __u16 before = *word;
  ip->tos = (__u8)((ip->tos & 0xfc) | ecn);
  const __u16 after = *word;
  ip->check = (__u16)~fl_fold((__u16)~ip->check + (__u32)(__u16)~before + after);
  return 0;
}

/// The kernel will not see the outer header, so its checksum is verified here. Nodes write no
/// options; an outer header with options is not theirs. IPv6 has no header checksum.
static __always_inline int fl_ipv4_header_is_sound(
    struct xdp_md* ctx, __u32 offset, const struct fl_l3* outer
) {
  if (outer->family != 4) return 1;
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  if (offset > FL_L3_MAX_OFFSET) return 0;
  offset = fl_bounded(offset);
  struct iphdr* ip = data + offset;
  if ((void*)(ip + 1) > data_end || ip->ihl != 5) return 0;
  const __u16* words = (const __u16*)ip;
  __u32 sum = 0;
#pragma unroll
  for (int i = 0; i < 10; i++) sum += words[i];
  return fl_fold(sum) == 0xffff;
}

#endif
