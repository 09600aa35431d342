/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// ICMP to a vip (net/parse.cc, net/icmp_error.hh) for the gate: whose flow does an error speak of,
/// or is it an echo request?
#ifndef FAIRLEAD_EBPF_GATE_ICMP_H
#define FAIRLEAD_EBPF_GATE_ICMP_H

#include "ebpf/include/packet.h"

#define FL_ICMP_HEADER_BYTES 8u
#define FL_QUOTED_L4_BYTES 8u

static __always_inline int fl_is_icmp_error(__u32 family, __u32 type) {
  if (family == 6) return type >= 1 && type <= 4;
  return type == 3 || type == 11 || type == 12;
}

/// As net::is_echo_request(): no options, no extension headers, a whole ICMP header.
static __always_inline int fl_is_echo_request(const struct fl_packet* p, __u32 type, __u32 code) {
  const __u32 ip = p->family == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  return p->l4 == p->l3 + ip && p->ip_bytes >= ip + FL_ICMP_HEADER_BYTES && !code &&
         type == (p->family == 6 ? 128u : 8u);
}

/// What the quoted packet's IP header says.
struct fl_quote {
  __u64 client[2]; /* it went from the vip to this address */
  __u32 l4;
  __u32 protocol;
};

static __always_inline int fl_read_quote4(
    struct xdp_md* ctx, const struct fl_packet* p, __u32 at, __u32 end, struct fl_quote* quote
) {
  struct iphdr ip = {};
  if (at + sizeof ip > end || bpf_xdp_load_bytes(ctx, at, &ip, sizeof ip) || ip.version != 4 ||
      ip.ihl < 5)
    return FL_REASON_BAD_ICMP_ERROR;
  if (ip.saddr != (__u32)p->destination[0] || (ip.frag_off & bpf_htons(0x1fff)))
    return FL_REASON_BAD_ICMP_ERROR;
  quote->client[0] = ip.daddr;
  quote->client[1] = 0;
  quote->l4 = at + ip.ihl * 4u;
  quote->protocol = ip.protocol;
  return FL_REASON_NONE;
}

static __always_inline int fl_read_quote6(
    struct xdp_md* ctx, const struct fl_packet* p, __u32 at, __u32 end, struct fl_quote* quote
) {
  struct ipv6hdr ip = {};
  __u64 from[2];
  if (at + sizeof ip > end || bpf_xdp_load_bytes(ctx, at, &ip, sizeof ip) || ip.version != 6)
    return FL_REASON_BAD_ICMP_ERROR;
  __builtin_memcpy(from, &ip.saddr, 16);
  if (from[0] != p->destination[0] || from[1] != p->destination[1]) return FL_REASON_BAD_ICMP_ERROR;
  __builtin_memcpy(quote->client, &ip.daddr, 16);
  quote->l4 = at + sizeof ip;
  quote->protocol = ip.nexthdr;
  if (!fl_may_be_skipped(ip.nexthdr)) return FL_REASON_NONE;
  struct fl_walk walk = {.offset = quote->l4, .protocol = ip.nexthdr};
  if (fl_walk_headers(ctx, &walk, end) || walk.fragment_field >> 3) return FL_REASON_BAD_ICMP_ERROR;
  quote->protocol = walk.protocol;
  quote->l4 = walk.offset;
  return FL_REASON_NONE;
}

/// For what fl_parse_packet() calls ICMP. FL_REASON_NONE: an error about a flow, whose tuple `p`
/// has from now on; ECHO: an echo request; ICMP: the kernel's; others as the data plane's parser.
__attribute__((noinline)) int fl_read_icmp(struct xdp_md* ctx, struct fl_packet* p) {
  if (!p) return FL_REASON_ICMP;
  __u8 head[2] = {};
  const __u32 end = p->l3 + p->ip_bytes;
  if (p->fragmented || p->l4 >= end || p->l4 > FL_MAX_OFFSET) return FL_REASON_ICMP;
  if (bpf_xdp_load_bytes(ctx, p->l4, head, p->l4 + 2 <= end ? 2 : 1)) return FL_REASON_ICMP;
  if (!fl_is_icmp_error(p->family, head[0]))
    return fl_is_echo_request(p, head[0], head[1]) ? FL_REASON_ECHO : FL_REASON_ICMP;
  if (end - p->l4 < FL_ICMP_HEADER_BYTES) return FL_REASON_BAD_ICMP_ERROR;
  struct fl_quote quote = {};
  const __u32 at = p->l4 + FL_ICMP_HEADER_BYTES;
  const int wrong = p->family == 6 ? fl_read_quote6(ctx, p, at, end, &quote)
                                   : fl_read_quote4(ctx, p, at, end, &quote);
  if (wrong) return wrong;
  if (quote.protocol != IPPROTO_TCP && quote.protocol != IPPROTO_UDP) return FL_REASON_ICMP;
  __u32 ports = 0;
  if (quote.l4 + FL_QUOTED_L4_BYTES > end ||
      bpf_xdp_load_bytes(ctx, quote.l4, &ports, sizeof ports) || !(ports & 0xffff) ||
      !(ports >> 16))
    return FL_REASON_BAD_ICMP_ERROR;
  const int martian = p->family == 6
                          ? fl_is_martian6(p)
                          : fl_is_martian4((__u32)p->source[0], (__u32)p->destination[0]);
  if (martian) return FL_REASON_MARTIAN_SOURCE;
  if (p->ttl <= 1) return FL_REASON_TTL_EXPIRED;
  p->source[0] = quote.client[0];
  p->source[1] = quote.client[1];
  p->ports = ports << 16 | ports >> 16;
  p->protocol = (__u8)quote.protocol;
  p->quoted = 1;
  return FL_REASON_NONE;
}

#endif
