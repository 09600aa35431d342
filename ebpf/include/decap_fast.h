/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The way of nearly all tunnel packets, in one straight line: from a node, untagged, IPIP or GUE
/// over IPv4, TCP of IPv4 inside but no SYN, for a vip of ours, a connection of this host if it has
/// hops. Whatever is different in any respect takes the long way (decap.bpf.c), which has all rules
/// and counts why.
#ifndef FAIRLEAD_EBPF_DECAP_FAST_H
#define FAIRLEAD_EBPF_DECAP_FAST_H

#include "ebpf/include/decap_maps.h"
#include "ebpf/include/ecn.h"
#include "ebpf/include/listening.h"
#include "ebpf/include/second_chance.h"
#include "ebpf/include/vip_match.h"

/// Nothing was done: the long way.
#define FL_TAKE_THE_LONG_WAY (-1)

/// Bytes from the GUE header at `gue` to the inner packet, 0: not so simple. `*hops`: how many.
static __always_inline __u32 fl_plain_gue_bytes(const __u8* gue, __u32* hops) {
  const __u64 word = *(const __u64*)gue;  // GUE header, head of the hop list
  const __u32 words = word & 0xff;
  if (words < 1 || words > 1 + FL_GUE_MAX_HOPS) return 0;
  if ((word >> 8 & 0xff) != IPPROTO_IPIP || (word >> 16 & 0xffffffff)) return 0;  // flags, type
  *hops = (__u32)(word >> 56);
  if (*hops != words - 1 || (word >> 48 & 0xff) > *hops) return 0;
  return FL_GUE_BASE_BYTES + 4 * words;
}

/// 1: the IPv4 header of 20 bytes at `ip` is sound by its checksum.
static __always_inline int fl_sums_up(const __u8* ip) {
  const __u64 first = *(const __u64*)ip;
  const __u64 second = *(const __u64*)(ip + 8);
  __u64 sum = (first & 0xffffffff) + (first >> 32) + (second & 0xffffffff) + (second >> 32) +
              *(const __u32*)(ip + 16);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

/// 1: this host's kernel has the connection.
static __always_inline int fl_connection_is_here(struct xdp_md* ctx, const __u8* ip) {
  struct bpf_sock_tuple tuple;
  tuple.ipv4.saddr = *(const __u32*)(ip + 12);
  tuple.ipv4.daddr = *(const __u32*)(ip + 16);
  tuple.ipv4.sport = *(const __u16*)(ip + 20);
  tuple.ipv4.dport = *(const __u16*)(ip + 22);
  struct bpf_sock* const sk =
      bpf_skc_lookup_tcp(ctx, &tuple, sizeof tuple.ipv4, BPF_F_CURRENT_NETNS, 0);
  if (!sk) return 0;
  const int here = sk->state != BPF_TCP_LISTEN;
  bpf_sk_release(sk);
  if (here) count(FL_DECAP_HOP_SOCKET, 0);
  return here;
}

/// Takes the headers in front of `inner` off, but for the Ethernet header. Returns a verdict.
static __always_inline int fl_strip_plain(struct xdp_md* ctx, __u32 inner, __u32 counter) {
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  if (data + sizeof(struct ethhdr) > data_end) return FL_TAKE_THE_LONG_WAY;
  const __u64 addresses = *(const __u64*)data;
  const __u32 others = *(const __u32*)(data + 8);
  if (bpf_xdp_adjust_head(ctx, (int)(inner - sizeof(struct ethhdr)))) return FL_TAKE_THE_LONG_WAY;
  data = (void*)(long)ctx->data;
  data_end = (void*)(long)ctx->data_end;
  if (data + sizeof(struct ethhdr) > data_end) return XDP_DROP;  // cannot be
  *(__u64*)data = addresses;
  *(__u32*)(data + 8) = others;
  *(__be16*)(data + 12) = bpf_htons(ETH_P_IP);
  return count(counter, XDP_PASS);
}

static __always_inline int fl_decapsulate_the_short_way(struct xdp_md* ctx) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  const __u32 l4 = sizeof(struct ethhdr) + sizeof(struct iphdr);
  if (data + l4 + sizeof(struct udphdr) + 8 > data_end) return FL_TAKE_THE_LONG_WAY;
  const __u8* const outer = data + sizeof(struct ethhdr);
  if ((*(const __u32*)(data + 12) & 0xffffff) != 0x450008) return FL_TAKE_THE_LONG_WAY;
  if (*(const __u16*)(outer + 6) & bpf_htons(0x3fff)) return FL_TAKE_THE_LONG_WAY;
  __u32 inner = l4;
  __u32 hops = 0;
  __u32 counter = FL_DECAP_IPIP;
  if (outer[9] == IPPROTO_UDP) {
    if (*(const __u16*)(data + l4 + 2) != bpf_htons(FL_GUE_PORT)) return FL_TAKE_THE_LONG_WAY;
    const __u32 bytes = fl_plain_gue_bytes(data + l4 + sizeof(struct udphdr), &hops);
    if (!bytes) return FL_TAKE_THE_LONG_WAY;
    inner += sizeof(struct udphdr) + bytes;
    counter = FL_DECAP_GUE;
  } else if (outer[9] != IPPROTO_IPIP) {
    return FL_TAKE_THE_LONG_WAY;
  }
  const __u8* const ip = data + fl_bounded(inner);
  if ((const void*)(ip + sizeof(struct iphdr) + sizeof(struct tcphdr)) > data_end)
    return FL_TAKE_THE_LONG_WAY;
  if (ip[0] != 0x45 || ip[9] != IPPROTO_TCP || *(const __u16*)(ip + 6) & bpf_htons(0x3fff))
    return FL_TAKE_THE_LONG_WAY;
  // A congestion mark on the way has to be moved inside.
  if ((outer[1] & 3) != (ip[1] & 3) || !fl_sums_up(outer)) return FL_TAKE_THE_LONG_WAY;
  if (fl_kind_of_source4(*(const __u32*)(outer + 12)) != FL_SOURCE_NODE)
    return FL_TAKE_THE_LONG_WAY;
  struct fl_destination to = {
      .address = {*(const __u32*)(ip + 16)},
      .port = *(const __u16*)(ip + 22),
      .family = 4,
      .protocol = IPPROTO_TCP};
  if (!fl_is_vip(&to)) return FL_TAKE_THE_LONG_WAY;
  if (fl_is_syn(ip[33])) return FL_TAKE_THE_LONG_WAY;
  if (hops && !fl_connection_is_here(ctx, ip)) return FL_TAKE_THE_LONG_WAY;
  return fl_strip_plain(ctx, inner, counter);
}

#endif
