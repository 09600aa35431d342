/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Outer headers that are not the usual ones (net/outer_policy.hh) for the gate: changed after they
/// were written.
#ifndef FAIRLEAD_EBPF_GATE_AMEND_H
#define FAIRLEAD_EBPF_GATE_AMEND_H

#include "ebpf/include/gate_outer.h"

/// Identifications of outer packets without DF, each CPU for itself; the loader says where each
/// begins.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} fl_gate_outer_id SEC(".maps");

/// What the bank says of outer headers.
struct fl_outer_policy {
  __u8 entropy4;
  __u8 entropy6;
  __u8 ttl;
  __u8 dscp;
  __u8 flags;
};
FL_STATIC_ASSERT(
    offsetof(struct fl_bank, outer_flags) - offsetof(struct fl_bank, outer_entropy4) ==
        offsetof(struct fl_outer_policy, flags),
    "as in the bank"
);

/// The flow's bits for a source whose `bits` low bits are free.
static __always_inline __u64 fl_entropy(__u64 hash, __u32 bits) {
  const __u64 mixed = hash ^ hash >> 32;
  return bits >= 64 ? mixed : (mixed >> 3) & ((1ULL << (bits & 63)) - 1);
}

static __always_inline __u32 fl_class_of(__u32 written, const struct fl_outer_policy* policy) {
  if (policy->dscp == FL_OUTER_DSCP_INNER) return written;
  return (__u32)policy->dscp << 2 | (written & 3);  // ECN stays (RFC 6040)
}

static __always_inline int fl_amend4(
    struct xdp_md* ctx,
    const struct fl_packet* p,
    const struct fl_work* w,
    const struct fl_outer_policy* policy
) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  struct iphdr* const ip = data + fl_bounded(p->l3);
  const __u8* const inner = (const __u8*)ip + fl_bounded(w->outer_bytes);
  if ((void*)(ip + 1) > data_end || (const void*)(inner + sizeof *ip) > data_end) return -1;
  ip->tos = (__u8)fl_class_of(ip->tos, policy);
  ip->ttl = policy->ttl;
  const int inner_has_df = p->family == 6 || (inner[6] & 0x40);
  if ((policy->flags & FL_OUTER_DF_CLEAR) ||
      ((policy->flags & FL_OUTER_DF_INNER) && !inner_has_df)) {
    __u32* const id = fl_line(&fl_gate_outer_id, 0);
    ip->frag_off = 0;
    ip->id = id ? bpf_htons((__u16)(*id)++) : 0;
  }
  if (policy->entropy4) ip->saddr |= bpf_htonl((__u32)fl_entropy(w->hash, policy->entropy4));
  ip->check = 0;
  const __u32* const word = (const __u32*)ip;
  __u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  ip->check = (__u16)~fl_fold((__u32)sum);
  return 0;
}

static __always_inline int fl_amend6(
    struct xdp_md* ctx,
    const struct fl_packet* p,
    const struct fl_work* w,
    const struct fl_outer_policy* policy
) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  struct ipv6hdr* const ip = data + fl_bounded(p->l3);
  if ((void*)(ip + 1) > data_end) return -1;
  __be32* const first = (__be32*)ip;
  const __u32 word = bpf_ntohl(*first);
  *first = bpf_htonl((word & ~(0xffu << 20)) | fl_class_of(word >> 20 & 0xff, policy) << 20);
  ip->hop_limit = policy->ttl;
  if (policy->entropy6) {
    const __u64 bits = bpf_cpu_to_be64(fl_entropy(w->hash, policy->entropy6));
    __u32* const low = &ip->saddr.in6_u.u6_addr32[2];
    low[0] |= (__u32)bits;
    low[1] |= (__u32)(bits >> 32);
  }
  return 0;
}

/// Sum of `words` 32-bit words at `offset`, read by the helper.
static __always_inline __u64 fl_sum_at(struct xdp_md* ctx, __u32 offset, __u32 words) {
  __u64 sum = 0;
  for (__u32 i = 0; i < 32; i++) {
    __u32 word = 0;
    if (i >= words || bpf_xdp_load_bytes(ctx, offset + i * 4, &word, sizeof word)) break;
    sum += word;
  }
  return sum;
}

static __always_inline __u32 fl_fold64(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  return fl_fold((__u32)sum);
}

/// The outer UDP checksum from the inner one, without the payload; stays 0 where the inner packet
/// has none that covers it all. A header with a right checksum adds nothing to the sum (RFC 1071).
static __always_inline int fl_sum_outer_udp(
    struct xdp_md* ctx, const struct fl_packet* p, const struct fl_work* w
) {
  const __u32 inner = p->l3 + w->outer_bytes;
  const __u32 l4 = p->l4 + w->outer_bytes;
  const __u32 inner_ip = p->family == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  const __u32 outer_ip = w->outer_family == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  if (p->quoted || (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP)) return 0;
  if (p->family == 6 && l4 != inner + inner_ip) return 0;  // extension headers
  const __u32 l4_bytes = p->ip_bytes - (p->l4 - p->l3);
  if (p->protocol == IPPROTO_UDP) {
    struct udphdr udp = {};
    if (bpf_xdp_load_bytes(ctx, l4, &udp, sizeof udp)) return 0;
    if (!udp.check || bpf_ntohs(udp.len) != l4_bytes) return 0;
  }
  // Layer 4 with its pseudo header sums up to nothing: it alone is minus the pseudo header.
  const __u64 pseudo = fl_sum_at(ctx, inner + (p->family == 6 ? 8 : 12), p->family == 6 ? 8 : 2) +
                       bpf_htonl(p->protocol) + bpf_htonl(l4_bytes);
  __u64 sum = (__u16)~fl_fold64(pseudo);
  if (p->family == 6) sum += fl_sum_at(ctx, inner, sizeof(struct ipv6hdr) / 4);
  const __u32 udp_bytes = p->ip_bytes + w->outer_bytes - outer_ip;
  sum += fl_sum_at(ctx, p->l3 + (w->outer_family == 6 ? 8 : 12), w->outer_family == 6 ? 8 : 2) +
         bpf_htonl(IPPROTO_UDP) + bpf_htonl(udp_bytes) +
         fl_sum_at(ctx, p->l3 + outer_ip, (w->outer_bytes - outer_ip) / 4);
  const __u16 check = (__u16)~fl_fold64(sum);
  __u16 written = check ? check : 0xffff;  // 0 would mean: none
  return (int)bpf_xdp_store_bytes(ctx, p->l3 + outer_ip + 6, &written, sizeof written);
}

/// After fl_forward(): the outer headers as the configuration wants them. 0: done.
__attribute__((noinline)) int fl_amend(
    struct xdp_md* ctx, const struct fl_packet* p, const struct fl_work* w
) {
  if (!p || !w || w->encapsulation == FL_ENCAP_L2) return 0;
  const __u8* line = fl_line(&fl_steering, w->bank + 3);
  if (!line) return 0;
  FL_KEEP(line);
  struct fl_outer_policy policy;
  __builtin_memcpy(&policy, line + FL_IN_LINE(struct fl_bank, outer_entropy4), sizeof policy);
  const int wrong =
      w->outer_family == 6 ? fl_amend6(ctx, p, w, &policy) : fl_amend4(ctx, p, w, &policy);
  if (wrong || !(policy.flags & FL_OUTER_UDP_CHECKSUM) || w->encapsulation != FL_ENCAP_GUE)
    return wrong;
  return fl_sum_outer_udp(ctx, p, w);
}

#endif
