/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Second chance: a tunnel packet whose connection this host does not know goes to the next hop of
/// its GUE list, whose kernel may know it. The rules, in this order, are those of GLB's redirect
/// module (docs/takeover.md):
///
///   not TCP, nor an ICMP error about TCP    ours
///   SYN                                     ours: a new connection
///   a socket has the connection             ours
///   an ACK that validates as a SYN cookie   ours
///   no hop left                             ours: the kernel resets what nobody knows
///   the next hop is this host               ours
///   the outer TTL would be 0                dropped: another backend may know it
///   else                                    to the next hop: next_hop + 1, source is this host
///
/// `next_hop` only ever grows and the list is finite, so no packet goes round twice.
#ifndef FAIRLEAD_EBPF_SECOND_CHANCE_H
#define FAIRLEAD_EBPF_SECOND_CHANCE_H

#include <linux/tcp.h>
#include <linux/udp.h>

#include "dataplane/net/gue.h"
#include "ebpf/include/counters.h"
#include "ebpf/include/decap_settings.h"
#include "ebpf/include/ecn.h"
#include "ebpf/include/parse.h"

/// Where a packet's hop list is and what comes next in it.
struct fl_hop {
  __u32 list;   /* offset of struct fl_gue_hops; 0: no list */
  __u32 l3;     /* offset of the outer IP header */
  __u32 next;   /* index of the next hop */
  __u32 count;  /* hops in the list */
  __u32 family; /* of the hops: 4 or 6, and of the outer header */
};

/* ICMP errors (RFC 792), ICMPv6's are those below 128 (RFC 4443). */
#define FL_ICMP_UNREACHABLE 3
#define FL_ICMP_TIME_EXCEEDED 11
#define FL_ICMP_PARAMETER_PROBLEM 12

/// Asks the kernel about a TCP segment of the inner packet: an enum fl_decap_counter that says why
/// the packet is ours, or FL_DECAP_HOP_UNKNOWN.
static __always_inline int fl_ask_about_segment(
    struct xdp_md* ctx, __u32 l3_offset, const struct fl_l3* inner
) {
  struct tcphdr tcp = {};
  union {
    struct iphdr v4;
    struct ipv6hdr v6;
  } ip = {};
  if (bpf_xdp_load_bytes(ctx, inner->l4, &tcp, sizeof tcp)) return FL_DECAP_HOP_OTHER;
  if (tcp.syn && !tcp.ack) return FL_DECAP_HOP_SYN;
  struct bpf_sock_tuple tuple = {};
  __u32 bytes = sizeof tuple.ipv4;
  if (inner->family == 4) {
    tuple.ipv4.saddr = inner->source[0];
    tuple.ipv4.daddr = inner->destination[0];
    tuple.ipv4.sport = tcp.source;
    tuple.ipv4.dport = tcp.dest;
    if (bpf_xdp_load_bytes(ctx, l3_offset, &ip.v4, sizeof ip.v4)) return FL_DECAP_HOP_OTHER;
  } else {
    bytes = sizeof tuple.ipv6;
    __builtin_memcpy(tuple.ipv6.saddr, inner->source, 16);
    __builtin_memcpy(tuple.ipv6.daddr, inner->destination, 16);
    tuple.ipv6.sport = tcp.source;
    tuple.ipv6.dport = tcp.dest;
    if (bpf_xdp_load_bytes(ctx, l3_offset, &ip.v6, sizeof ip.v6)) return FL_DECAP_HOP_OTHER;
  }
  struct bpf_sock* const sk = bpf_skc_lookup_tcp(ctx, &tuple, bytes, BPF_F_CURRENT_NETNS, 0);
  if (!sk) return FL_DECAP_HOP_UNKNOWN;
  int why = FL_DECAP_HOP_SOCKET;
  if (sk->state == BPF_TCP_LISTEN) {
    const __u32 ip_bytes = inner->family == 4 ? sizeof ip.v4 : sizeof ip.v6;
    why = bpf_tcp_check_syncookie(sk, &ip, ip_bytes, &tcp, sizeof tcp) == 0 ? FL_DECAP_HOP_COOKIE
                                                                            : FL_DECAP_HOP_UNKNOWN;
  }
  bpf_sk_release(sk);
  return why;
}

/// The same about an ICMP error: it quotes the head of a packet that the vip sent.
static __always_inline int fl_ask_about_error(struct xdp_md* ctx, const struct fl_l3* inner) {
  __u8 type = 0;
  if (bpf_xdp_load_bytes(ctx, inner->l4, &type, sizeof type)) return FL_DECAP_HOP_OTHER;
  struct bpf_sock_tuple tuple = {};
  __u32 bytes = sizeof tuple.ipv4;
  __be16 ports[2] = {};
  if (inner->family == 4) {
    struct iphdr quoted = {};
    if (type != FL_ICMP_UNREACHABLE && type != FL_ICMP_TIME_EXCEEDED &&
        type != FL_ICMP_PARAMETER_PROBLEM)
      return FL_DECAP_HOP_OTHER;
    if (bpf_xdp_load_bytes(ctx, inner->l4 + 8, &quoted, sizeof quoted)) return FL_DECAP_HOP_OTHER;
    if (quoted.protocol != IPPROTO_TCP || (quoted.frag_off & bpf_htons(0x1fff)))
      return FL_DECAP_HOP_OTHER;
    const __u32 l4 = inner->l4 + 8 + quoted.ihl * 4u;
    if (bpf_xdp_load_bytes(ctx, l4, ports, sizeof ports)) return FL_DECAP_HOP_OTHER;
    tuple.ipv4.saddr = quoted.daddr;
    tuple.ipv4.daddr = quoted.saddr;
    tuple.ipv4.sport = ports[1];
    tuple.ipv4.dport = ports[0];
  } else {
    struct fl_l3 quoted = {};
    if (type >= 128) return FL_DECAP_HOP_OTHER;
    if (fl_parse_l3(ctx, inner->l4 + 8, bpf_htons(ETH_P_IPV6), &quoted) != FL_PARSE_OK)
      return FL_DECAP_HOP_OTHER;
    if (quoted.protocol != IPPROTO_TCP || quoted.later) return FL_DECAP_HOP_OTHER;
    if (bpf_xdp_load_bytes(ctx, quoted.l4, ports, sizeof ports)) return FL_DECAP_HOP_OTHER;
    bytes = sizeof tuple.ipv6;
    __builtin_memcpy(tuple.ipv6.saddr, quoted.destination, 16);
    __builtin_memcpy(tuple.ipv6.daddr, quoted.source, 16);
    tuple.ipv6.sport = ports[1];
    tuple.ipv6.dport = ports[0];
  }
  struct bpf_sock* const sk = bpf_skc_lookup_tcp(ctx, &tuple, bytes, BPF_F_CURRENT_NETNS, 0);
  if (!sk) return FL_DECAP_HOP_UNKNOWN;
  const int why = sk->state == BPF_TCP_LISTEN ? FL_DECAP_HOP_UNKNOWN : FL_DECAP_HOP_SOCKET;
  bpf_sk_release(sk);
  return why;
}

/// Does this host's kernel have the inner packet's connection? An enum fl_decap_counter. A global
/// function: the verifier checks it once.
__attribute__((noinline)) int fl_ask_kernel(
    struct xdp_md* ctx, __u32 l3_offset, const struct fl_l3* inner
) {
  if (!inner || inner->later) return FL_DECAP_HOP_OTHER;
  if (inner->protocol == IPPROTO_TCP) return fl_ask_about_segment(ctx, l3_offset, inner);
  if (inner->protocol == IPPROTO_ICMP || inner->protocol == IPPROTO_ICMPV6)
    return fl_ask_about_error(ctx, inner);
  return FL_DECAP_HOP_OTHER;
}

/// One's complement sum `sum` after `bytes` bytes (a multiple of 2) changed from `before` to
/// `after`.
static __always_inline __u32
fl_change_sum(__u32 sum, const __u16* before, const __u16* after, __u32 bytes) {
  for (__u32 i = 0; i < 8; i++) {
    if (i * 2 >= bytes) break;
    sum += (__u16)~before[i];
    sum += after[i];
  }
  return sum;
}

/// The outer UDP checksum, if there is one, after source, destination and next_hop changed (RFC
/// 1624).
static __always_inline void fl_mend_udp(
    struct udphdr* udp,
    const struct fl_hop* hop,
    const __u16* old_source,
    const __u16* old_self,
    const __u16* new_hop,
    __u32 bytes
) {
  if (!udp->check) return;
  __u32 sum = (__u16)~udp->check;
  sum = fl_change_sum(sum, old_source, old_self, bytes);  // source: what was the destination
  sum = fl_change_sum(sum, old_self, new_hop, bytes);
  // next_hop is the first byte of its word.
  const __u16 word = (__u16)(hop->next | hop->count << 8);
  sum += (__u16)~word;
  sum += (__u16)((hop->next + 1) | hop->count << 8);
  const __u16 check = (__u16)~fl_fold(sum);
  udp->check = check ? check : 0xffff;
}

/// Sends the packet, still in its tunnel, to the next hop: 0, or an enum fl_decap_counter.
__attribute__((noinline)) int fl_pass_on(struct xdp_md* ctx, const struct fl_hop* hop) {
  if (!hop) return FL_DECAP_FAILED;
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  const __u32 l3 = fl_bounded(hop->l3);
  const __u32 address_bytes = hop->family == 6 ? FL_GUE_HOP6_BYTES : FL_GUE_HOP_BYTES;
  __u16 next[8] = {};
  const __u32 at =
      fl_bounded(hop->list) + sizeof(struct fl_gue_hops) + (hop->next & 31) * address_bytes;
  if (bpf_xdp_load_bytes(ctx, at, next, address_bytes == 4 ? 4 : 16)) return FL_DECAP_TRUNCATED;
  struct fl_gue_hops* const list = data + fl_bounded(hop->list);
  if ((void*)(list + 1) > data_end) return FL_DECAP_TRUNCATED;
  if (hop->family == 4) {
    struct iphdr* const ip = data + l3;
    if ((void*)(ip + 1) > data_end) return FL_DECAP_TRUNCATED;
    struct udphdr* const udp = (void*)(ip + 1);
    if ((void*)(udp + 1) > data_end) return FL_DECAP_TRUNCATED;
    const __u32 source = ip->saddr;
    const __u32 self = ip->daddr;
    __u32 target;
    __builtin_memcpy(&target, next, 4);
    if (target == self) return FL_DECAP_HOP_SELF;
    if (ip->ttl <= 1) return FL_DECAP_TTL_EXPIRED;
    fl_mend_udp(udp, hop, (const __u16*)&source, (const __u16*)&self, next, 4);
    ip->saddr = self;
    ip->daddr = target;
    ip->ttl--;
    ip->check = 0;
    const __u16* const words = (const __u16*)ip;
    __u32 sum = 0;
#pragma unroll
    for (int i = 0; i < 10; i++) sum += words[i];
    ip->check = (__u16)~fl_fold(sum);
  } else {
    struct ipv6hdr* const ip = data + l3;
    if ((void*)(ip + 1) > data_end) return FL_DECAP_TRUNCATED;
    struct udphdr* const udp = (void*)(ip + 1);
    if ((void*)(udp + 1) > data_end) return FL_DECAP_TRUNCATED;
    __u16 source[8];
    __u16 self[8];
    __builtin_memcpy(source, &ip->saddr, 16);
    __builtin_memcpy(self, &ip->daddr, 16);
    __u32 differs = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) differs |= (__u32)(next[i] ^ self[i]);
    if (!differs) return FL_DECAP_HOP_SELF;
    if (ip->hop_limit <= 1) return FL_DECAP_TTL_EXPIRED;
    fl_mend_udp(udp, hop, source, self, next, 16);
    __builtin_memcpy(&ip->saddr, self, 16);
    __builtin_memcpy(&ip->daddr, next, 16);
    ip->hop_limit--;
  }
  list->next_hop++;
  return 0;
}

/// The frame's addresses for its way to the next hop: what the kernel's routes say, else back to
/// who sent it (the router, or a node).
static __always_inline void fl_address_frame(
    struct xdp_md* ctx, const struct fl_hop* hop, struct bpf_fib_lookup* fib
) {
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  struct ethhdr* const eth = data;
  if ((void*)(eth + 1) > data_end) return;
  __u8 sender[ETH_ALEN];
  __u8 own[ETH_ALEN];
  __builtin_memcpy(sender, eth->h_source, ETH_ALEN);
  __builtin_memcpy(own, eth->h_dest, ETH_ALEN);
  fib->ifindex = ctx->ingress_ifindex;
  fib->family = hop->family == 4 ? 2 : 10;  // AF_INET, AF_INET6
  const void* const ip = data + fl_bounded(hop->l3);
  if (hop->family == 4) {
    const struct iphdr* const v4 = ip;
    if ((const void*)(v4 + 1) > data_end) return;
    fib->ipv4_src = v4->saddr;
    fib->ipv4_dst = v4->daddr;
  } else {
    const struct ipv6hdr* const v6 = ip;
    if ((const void*)(v6 + 1) > data_end) return;
    __builtin_memcpy(fib->ipv6_src, &v6->saddr, 16);
    __builtin_memcpy(fib->ipv6_dst, &v6->daddr, 16);
  }
  const long found = bpf_fib_lookup(ctx, fib, sizeof *fib, 0);
  const int known = found == BPF_FIB_LKUP_RET_SUCCESS && fib->ifindex == ctx->ingress_ifindex;
  data = (void*)(long)ctx->data;
  data_end = (void*)(long)ctx->data_end;
  struct ethhdr* const out = data;
  if ((void*)(out + 1) > data_end) return;
  __builtin_memcpy(out->h_dest, known ? fib->dmac : sender, ETH_ALEN);
  __builtin_memcpy(out->h_source, known ? fib->smac : own, ETH_ALEN);
}

#endif
