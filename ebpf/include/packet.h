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
  __u32 change; /* of the sum over them, by fl_lower_mss(); not folded; 0: none */
};

enum fl_piece { FL_WHOLE, FL_FIRST_FRAGMENT, FL_LATER_FRAGMENT };

/// Words of addresses hold the bytes as they lie on the wire; IPv4 in the low half of the first.
struct fl_packet {
  __u64 source[2];
  __u64 destination[2];
  __u32 ports; /* source port first, as read from the packet */
  __u32 ip_bytes;
  __u32 frame_bytes;
  __u32 l3;             /* offset: 14, 18 or 22 */
  __u32 l4;             /* offset, of a flow's packets */
  __u32 fragment_id;    /* of a piece, as on the wire */
  __u32 fragment_start; /* where its data begins in the frame */
  __u16 fragment_field; /* offset of that data in the datagram, in bytes; bit 0: more follow */
  __u8 piece;           /* an enum fl_piece; what layer 4 says of a later one is not there */
  __u8 protocol;
  __u8 family; /* 0: the addresses could not be read */
  __u8 tcp_flags;
  __u8 traffic_class;
  __u8 ttl;
  __u8 fragmented; /* ICMP in a fragment */
  __u8 quoted;     /* an ICMP error: source, destination, protocol and ports are its flow's */
};

#define FL_TCP_FIN 0x01
#define FL_TCP_SYN 0x02
#define FL_TCP_RST 0x04
#define FL_TCP_ACK 0x10

static __always_inline int fl_is_martian4(__u32 source, __u32 destination) {
  const __u32 first = source & 0xff; /* first byte on the wire */
  return first == 0 || first == 127 || (first & 0xf0) == 0xe0 || source == 0xffffffff ||
         source == destination;
}

static __always_inline int fl_is_martian6(const struct fl_packet* p) {
  if ((p->source[0] & 0xff) == 0xff) return 1;
  if (p->source[0] == 0 && (p->source[1] == 0 || p->source[1] == (1ULL << 56))) return 1;
  return p->source[0] == p->destination[0] && p->source[1] == p->destination[1];
}

static __always_inline int fl_parse_l4(struct xdp_md* ctx, struct fl_packet* p) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  const __u32 l4_bytes = p->ip_bytes - (p->l4 - p->l3);
  if (p->l4 > FL_MAX_OFFSET) return FL_REASON_IPV6_EXTENSIONS;
  const __u32 offset = fl_bounded(p->l4);
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
  // A first fragment holds only the beginning of what the length counts.
  if (bytes < sizeof *udp || (!p->piece && bytes > l4_bytes)) return FL_REASON_BAD_UDP_LENGTH;
  if (!udp->source || !udp->dest) return FL_REASON_ZERO_PORT;
  p->ports = *(const __u32*)udp;
  return FL_REASON_NONE;
}

#define FL_LONGEST_DATAGRAM 65535u

/// What the IP header says of a piece of a datagram (net/parse.cc, parse_fragment()).
static __always_inline int fl_check_fragment(const struct fl_packet* p) {
  const int tcp = p->protocol == IPPROTO_TCP;
  const __u32 offset = p->fragment_field & ~7u;
  const __u32 bytes = p->ip_bytes - (p->fragment_start - p->l3);
  // In front of what is cut into fragments: not counted are IPv6's own header and the Fragment one.
  const __u32 before =
      p->fragment_start - p->l3 - (p->family == 6 ? sizeof(struct ipv6hdr) + 8 : 0);
  if (!bytes || ((p->fragment_field & 1) && bytes % 8)) return FL_REASON_BAD_FRAGMENT;
  if (before + offset + bytes > FL_LONGEST_DATAGRAM) return FL_REASON_BAD_FRAGMENT;
  if (p->piece == FL_FIRST_FRAGMENT) return FL_REASON_NONE;
  if (tcp && offset < sizeof(struct tcphdr)) return FL_REASON_BAD_FRAGMENT;
  // Behind an IPv6 Fragment header may come an extension header, in the first fragment.
  const int may_be_ours =
      tcp || p->protocol == IPPROTO_UDP || (p->family == 6 && fl_may_be_skipped(p->protocol));
  return may_be_ours ? FL_REASON_NONE : FL_REASON_UNSUPPORTED_L4;
}

static __always_inline int fl_parse_packet4(
    void* data, void* data_end, __u32 l3, struct fl_packet* p
) {
  const struct iphdr* ip = data + fl_bounded(l3);
  if ((void*)(ip + 1) > data_end) return FL_REASON_TRUNCATED_IP;
  if (ip->version != 4) return FL_REASON_BAD_IP_VERSION;
  const __u32 header_bytes = ip->ihl * 4u;
  const __u32 total = bpf_ntohs(ip->tot_len);
  p->source[0] = ip->saddr;
  p->destination[0] = ip->daddr;
  p->family = 4;
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

  p->ip_bytes = total;
  p->traffic_class = ip->tos;
  p->protocol = ip->protocol;
  p->ttl = ip->ttl;
  p->l4 = l3 + header_bytes;
  const __u32 field = bpf_ntohs(ip->frag_off) & 0x3fff;
  if (ip->protocol == IPPROTO_ICMP) {
    p->fragmented = field != 0;
    return FL_REASON_ICMP;
  }
  if (fl_is_martian4(ip->saddr, ip->daddr)) return FL_REASON_MARTIAN_SOURCE;
  if (ip->ttl <= 1) return FL_REASON_TTL_EXPIRED;
  if (field) {
    p->fragment_start = p->l4;
    p->fragment_id = ip->id;
    p->fragment_field = (__u16)(field << 3 | field >> 13);
    p->piece = p->fragment_field >> 3 ? FL_LATER_FRAGMENT : FL_FIRST_FRAGMENT;
  }
  return FL_REASON_NONE;
}

/// Where a walk over extension headers is (net/extensions.hh).
struct fl_walk {
  __u32 offset;         /* of the header that comes next, in the frame */
  __u32 protocol;       /* what it is */
  __u32 fragment_start; /* what a Fragment header carries begins here; 0: none, or an atomic one */
  __u32 fragment_id;
  __u32 fragment_field; /* as fl_packet's */
};

static __always_inline int fl_pass_header(struct xdp_md* ctx, struct fl_walk* walk, __u32 end) {
  const __u32 type = walk->protocol;
  const __u32 offset = walk->offset;
  const int broken = walk->fragment_start ? FL_REASON_BAD_FRAGMENT : FL_REASON_IPV6_EXTENSIONS;
  __u8 h[8] = {};
  if (offset > FL_MAX_OFFSET || offset > end) return broken;
  if (bpf_xdp_load_bytes(ctx, offset, h, sizeof h)) return broken;
  __u32 bytes = (h[1] + 1u) * 8u;
  if (type == FL_IPPROTO_AH) bytes = (h[1] + 2u) * 4u;
  if (type == IPPROTO_FRAGMENT) bytes = 8;
  if (bytes > end - offset) return broken;
  walk->protocol = h[0];
  walk->offset = offset + bytes;
  const __u32 field = ((__u32)h[2] << 8 | h[3]) & 0xfff9u;
  if (type != IPPROTO_FRAGMENT || !field) return FL_REASON_NONE;  // or an atomic one
  if (walk->fragment_start) return FL_REASON_BAD_FRAGMENT;
  walk->fragment_start = offset + bytes;
  walk->fragment_id = *(const __u32*)(h + 4);
  walk->fragment_field = field;
  return FL_REASON_NONE;
}

/// Walks the extension headers up to layer 4 or a later fragment; returns an enum fl_reason. `end`:
/// of the IP packet. A global function, so that its many exits are checked once.
__attribute__((noinline)) int fl_walk_headers(struct xdp_md* ctx, struct fl_walk* walk, __u32 end) {
  if (!walk) return FL_REASON_IPV6_EXTENSIONS;
  for (int i = 0; i < FL_MAX_EXTENSION_HEADERS; i++) {
    if (!fl_may_be_skipped((__u8)walk->protocol)) return FL_REASON_NONE;
    const int wrong = fl_pass_header(ctx, walk, end);
    if (wrong) return wrong;
    if (walk->fragment_field >> 3) return FL_REASON_NONE;
  }
  return fl_may_be_skipped((__u8)walk->protocol) ? FL_REASON_IPV6_EXTENSIONS : FL_REASON_NONE;
}

static __always_inline int fl_parse_packet6(
    struct xdp_md* ctx, void* data, void* data_end, __u32 l3, struct fl_packet* p
) {
  const struct ipv6hdr* ip = data + fl_bounded(l3);
  if ((void*)(ip + 1) > data_end) return FL_REASON_TRUNCATED_IP;
  if (ip->version != 6) return FL_REASON_BAD_IP_VERSION;
  const __u32 total = sizeof *ip + bpf_ntohs(ip->payload_len);
  __builtin_memcpy(p->source, &ip->saddr, 16);
  __builtin_memcpy(p->destination, &ip->daddr, 16);
  p->family = 6;
  if (total > p->frame_bytes - l3) return FL_REASON_TRUNCATED_IP;
  p->ip_bytes = total;
  p->traffic_class = (__u8)(bpf_ntohl(*(const __be32*)ip) >> 20);
  const __u8 hop_limit = ip->hop_limit;
  p->ttl = hop_limit;
  struct fl_walk walk = {.offset = l3 + sizeof *ip, .protocol = ip->nexthdr};
  int walked = FL_REASON_NONE;
  if (fl_may_be_skipped(ip->nexthdr)) walked = fl_walk_headers(ctx, &walk, l3 + total);
  p->protocol = (__u8)walk.protocol;
  p->l4 = walk.offset;
  if (!walked && p->protocol == IPPROTO_ICMPV6) {
    p->fragmented = walk.fragment_start != 0;
    return FL_REASON_ICMP;
  }
  if (fl_is_martian6(p)) return FL_REASON_MARTIAN_SOURCE;
  if (hop_limit <= 1) return FL_REASON_TTL_EXPIRED;
  if (walked) return walked;
  if (walk.fragment_start) {
    p->fragment_start = walk.fragment_start;
    p->fragment_id = walk.fragment_id;
    p->fragment_field = (__u16)walk.fragment_field;
    p->piece = walk.fragment_field >> 3 ? FL_LATER_FRAGMENT : FL_FIRST_FRAGMENT;
  }
  return FL_REASON_NONE;
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
  int reason = FL_REASON_NOT_IP;
  if (l2.type == bpf_htons(ETH_P_IP)) reason = fl_parse_packet4(data, data_end, l2.bytes, p);
  if (l2.type == bpf_htons(ETH_P_IPV6)) reason = fl_parse_packet6(ctx, data, data_end, l2.bytes, p);
  if (!reason && p->piece) reason = fl_check_fragment(p);
  if (reason || p->piece == FL_LATER_FRAGMENT) return reason;
  reason = fl_parse_l4(ctx, p);
  return reason == FL_REASON_TRUNCATED_L4 && p->piece ? FL_REASON_BAD_FRAGMENT : reason;
}

#endif
