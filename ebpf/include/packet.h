/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The data plane's parser (dataplane/net/parse.hh) for the gate: same checks, same order, same
/// reasons.
#ifndef FAIRLEAD_EBPF_PACKET_H
#define FAIRLEAD_EBPF_PACKET_H

#include <linux/tcp.h>
#include <linux/udp.h>

#include "dataplane/steer/drop_reasons.h"
#include "ebpf/include/ecn.h"
#include "ebpf/include/parse.h"

/// Of a SYN; filled up to 64, so that an index can be bounded by a mask.
struct fl_tcp_options {
  __u8 byte[64];
};

/// Words of addresses hold the bytes as they lie on the wire; IPv4 in the low half of the first.
struct fl_packet {
  __u64 source[2];
  __u64 destination[2];
  __u32 ports; /* source port first, as read from the packet */
  __u32 ip_bytes;
  __u32 frame_bytes;
  __u32 l3; /* offset: 14, 18 or 22 */
  __u32 l4; /* offset, of a flow's packets */
  __u8 protocol;
  __u8 family; /* 0: the IP header could not be read */
  __u8 tcp_flags;
  __u8 traffic_class;
  __u8 ttl;
  __u8 fragmented; /* ICMP in a fragment */
  __u8 quoted;     /* an ICMP error: source, destination, protocol and ports are its flow's */
  __u8 neighbour_discovery; /* 1: ICMPv6 of this link (RFC 4861), for the kernel alone */
};

#define FL_TCP_FIN 0x01
#define FL_TCP_SYN 0x02
#define FL_TCP_RST 0x04
#define FL_TCP_ACK 0x10

static __always_inline int fl_is_martian4(__u32 source, __u32 destination) {
  const __u32 first = source & 0xff; /* first byte on the wire */
  return first == 0 || first == 127 || first >= 224 || source == destination;
}

static __always_inline int fl_is_martian6(const struct fl_packet* p) {
  if ((p->source[0] & 0xff) == 0xff) return 1;
  if (p->source[0] == 0 && (p->source[1] == 0 || p->source[1] == (1ULL << 56))) return 1;
  return p->source[0] == p->destination[0] && p->source[1] == p->destination[1];
}

static __always_inline int fl_parse_l4(
    void* data, void* data_end, __u32 offset, __u32 l4_bytes, struct fl_packet* p
) {
  if (offset > FL_MAX_OFFSET) return FL_REASON_IPV6_EXTENSIONS;
  offset = fl_bounded(offset);
  p->l4 = offset;
  if (p->protocol == IPPROTO_TCP) {
    const struct tcphdr* tcp = data + offset;
    if ((void*)(tcp + 1) > data_end || l4_bytes < sizeof *tcp) return FL_REASON_TRUNCATED_L4;
    const __u32 header_bytes = tcp->doff * 4u;
    if (header_bytes < sizeof *tcp || header_bytes > l4_bytes) return FL_REASON_BAD_TCP_HEADER;
    if (!tcp->source || !tcp->dest) return FL_REASON_ZERO_PORT;
    const __u8 all = ((const __u8*)tcp)[13];
    const __u8 flags = all & (FL_TCP_FIN | FL_TCP_SYN | FL_TCP_RST | FL_TCP_ACK);
    if (!flags || ((flags & FL_TCP_SYN) && (flags & (FL_TCP_FIN | FL_TCP_RST))))
      return FL_REASON_BAD_TCP_FLAGS;
    p->tcp_flags = all;
    p->ports = *(const __u32*)tcp;
    return FL_REASON_NONE;
  }
  if (p->protocol != IPPROTO_UDP) return FL_REASON_UNSUPPORTED_L4;
  const struct udphdr* udp = data + offset;
  if ((void*)(udp + 1) > data_end || l4_bytes < sizeof *udp) return FL_REASON_TRUNCATED_L4;
  const __u32 bytes = bpf_ntohs(udp->len);
  if (bytes < sizeof *udp || bytes > l4_bytes) return FL_REASON_BAD_UDP_LENGTH;
  if (!udp->source || !udp->dest) return FL_REASON_ZERO_PORT;
  p->ports = *(const __u32*)udp;
  return FL_REASON_NONE;
}

static __always_inline int fl_parse_packet4(
    void* data, void* data_end, __u32 l3, struct fl_packet* p
) {
  const struct iphdr* ip = data + fl_bounded(l3);
  if ((void*)(ip + 1) > data_end) return FL_REASON_TRUNCATED_IP;
  if (ip->version != 4) return FL_REASON_BAD_IP_VERSION;
  const __u32 header_bytes = ip->ihl * 4u;
  const __u32 total = bpf_ntohs(ip->tot_len);
  if (header_bytes < sizeof *ip || header_bytes > total) return FL_REASON_BAD_IP_HEADER;
  if (total > p->frame_bytes - l3) return FL_REASON_TRUNCATED_IP;
  const __u32* word = (const __u32*)ip;
  __u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];
  if (header_bytes != sizeof *ip) {
    for (__u32 i = 5; i < 15; i++) {
      if (i * 4 >= header_bytes) break;
      const __u32* option = word + i;
      asm volatile("" : "+r"(option));  // else clang adds to data_end, which the verifier refuses
      if ((void*)(option + 1) > data_end) return FL_REASON_TRUNCATED_IP;
      sum += *option;
    }
  }
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  if (fl_fold((__u32)sum) != 0xffff) return FL_REASON_BAD_IP_CHECKSUM;

  p->source[0] = ip->saddr;
  p->destination[0] = ip->daddr;
  p->family = 4;
  p->ip_bytes = total;
  p->traffic_class = ip->tos;
  p->protocol = ip->protocol;
  p->ttl = ip->ttl;
  if (ip->protocol == IPPROTO_ICMP) {
    p->l4 = l3 + header_bytes;
    p->fragmented = (ip->frag_off & bpf_htons(0x3fff)) != 0;
    return FL_REASON_ICMP;
  }
  if (fl_is_martian4(ip->saddr, ip->daddr)) return FL_REASON_MARTIAN_SOURCE;
  if (ip->ttl <= 1) return FL_REASON_TTL_EXPIRED;
  if (ip->frag_off & bpf_htons(0x3fff)) return FL_REASON_FRAGMENT;
  return fl_parse_l4(data, data_end, l3 + header_bytes, total - header_bytes, p);
}

static __always_inline int fl_may_be_skipped(__u8 next) {
  switch (next) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_DSTOPTS:
    case 51:  /* authentication */
    case 135: /* mobility */
    case 139: /* HIP */
    case 140: /* SHIM6 */
      return 1;
    default:
      return 0;
  }
}

/// Walks the extension headers: a global function, so that its many exits are checked once. Returns
/// a reason, or layer 4's offset shifted left by 16 and its protocol in bits 8 to 15. `unwanted`:
/// bits of a Fragment header's field that end it.
#define FL_ANY_FRAGMENT 0xfff9u
#define FL_LATER_FRAGMENT 0xfff8u
__attribute__((noinline)) int fl_skip_extensions(
    struct xdp_md* ctx, __u32 offset, __u32 end, __u32 protocol, __u32 unwanted
) {
  __u8 next = (__u8)protocol;
  for (int i = 0; i <= FL_MAX_EXTENSION_HEADERS; i++) {
    if (!fl_may_be_skipped(next)) break;
    __u8 h[8] = {};
    if (i == FL_MAX_EXTENSION_HEADERS) return FL_REASON_IPV6_EXTENSIONS;
    if (offset > FL_MAX_OFFSET || bpf_xdp_load_bytes(ctx, offset, h, sizeof h))
      return FL_REASON_IPV6_EXTENSIONS;
    __u32 bytes = (h[1] + 1u) * 8u;
    if (next == IPPROTO_FRAGMENT) {
      if ((((__u32)h[2] << 8 | h[3]) & unwanted) != 0) return FL_REASON_FRAGMENT;
      bytes = 8;
    } else if (next == 51) {
      bytes = (h[1] + 2u) * 4u;
    }
    if (bytes > end - offset) return FL_REASON_IPV6_EXTENSIONS;
    next = h[0];
    offset += bytes;
  }
  return (int)((offset & 0x3fff) << 16 | (__u32)next << 8);
}

#define FL_ND_ROUTER_SOLICITATION 133
#define FL_ND_REDIRECT 137

/// RFC 4861: types 133 to 137. A hop limit below 255 came through a router: not neighbour
/// discovery, and not let through to the kernel as such.
static __always_inline int fl_is_neighbour_discovery(
    struct xdp_md* ctx, __u32 offset, __u8 hop_limit
) {
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  if (hop_limit != 255 || offset > FL_MAX_OFFSET) return 0;
  const __u8* type = data + fl_bounded(offset);
  if ((void*)(type + 1) > data_end) return 0;
  return *type >= FL_ND_ROUTER_SOLICITATION && *type <= FL_ND_REDIRECT;
}

static __always_inline int fl_parse_packet6(
    struct xdp_md* ctx, void* data, void* data_end, __u32 l3, struct fl_packet* p
) {
  const struct ipv6hdr* ip = data + fl_bounded(l3);
  if ((void*)(ip + 1) > data_end) return FL_REASON_TRUNCATED_IP;
  if (ip->version != 6) return FL_REASON_BAD_IP_VERSION;
  const __u32 total = sizeof *ip + bpf_ntohs(ip->payload_len);
  if (total > p->frame_bytes - l3) return FL_REASON_TRUNCATED_IP;
  __builtin_memcpy(p->source, &ip->saddr, 16);
  __builtin_memcpy(p->destination, &ip->daddr, 16);
  p->family = 6;
  p->ip_bytes = total;
  p->traffic_class = (__u8)(bpf_ntohl(*(const __be32*)ip) >> 20);
  const __u8 hop_limit = ip->hop_limit;
  p->ttl = hop_limit;
  __u32 offset = l3 + sizeof *ip;
  int walked = FL_REASON_NONE;
  p->protocol = ip->nexthdr;
  if (fl_may_be_skipped(p->protocol)) {
    const int found = fl_skip_extensions(ctx, offset, l3 + total, p->protocol, FL_ANY_FRAGMENT);
    if (found & 0xff) {
      walked = found & 0xff;
    } else {
      p->protocol = (__u8)(found >> 8);
      offset = (__u32)found >> 16;
    }
  }
  if (p->protocol == IPPROTO_ICMPV6) {
    p->l4 = offset;
    p->neighbour_discovery = (__u8)fl_is_neighbour_discovery(ctx, offset, hop_limit);
    return FL_REASON_ICMP;
  }
  if (fl_is_martian6(p)) return FL_REASON_MARTIAN_SOURCE;
  if (hop_limit <= 1) return FL_REASON_TTL_EXPIRED;
  if (walked) return walked;
  data = (void*)(long)ctx->data;
  data_end = (void*)(long)ctx->data_end;
  return fl_parse_l4(data, data_end, offset, total - (offset - l3), p);
}

/// Fills `p` in; returns an enum fl_reason.
__attribute__((noinline)) int fl_parse_packet(struct xdp_md* ctx, struct fl_packet* p) {
  if (!p) return FL_REASON_NOT_IP;
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  __builtin_memset(p, 0, sizeof *p);
  struct fl_l2 l2;
  if (fl_parse_l2(data, data_end, &l2) != FL_PARSE_OK) return FL_REASON_TRUNCATED_ETHERNET;
  p->l3 = l2.bytes;
  p->frame_bytes = (__u32)(data_end - data);
  if (l2.type == bpf_htons(ETH_P_IP)) return fl_parse_packet4(data, data_end, l2.bytes, p);
  if (l2.type == bpf_htons(ETH_P_IPV6)) return fl_parse_packet6(ctx, data, data_end, l2.bytes, p);
  return FL_REASON_NOT_IP;
}

#endif
