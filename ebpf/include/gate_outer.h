/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Outer headers (net/encap.hh, path/encap.cc) for the gate: the same bytes.
#ifndef FAIRLEAD_EBPF_GATE_OUTER_H
#define FAIRLEAD_EBPF_GATE_OUTER_H

#include "dataplane/net/gue.h"
#include "ebpf/include/gate_table.h"

#define FL_OUTER_TTL 64u

/// What the outer headers say.
struct fl_outer {
  __u32 source[4];
  __u32 destination[4];
  __u64 next_hop; /* MAC */
  __u64 own;
  __u32 bytes; /* of all outer headers */
  __u8 family;
};

/// Does the configuration want the outer headers as net/encap.hh writes them? `line`: the bank's
/// fourth.
static __always_inline int fl_outer_is_usual(const __u8* line) {
#define FL_OUTER(field) line[FL_IN_LINE(struct fl_bank, field)]
  const __u32 flags = FL_OUTER(outer_flags);
  return FL_OUTER(outer_ttl) == FL_OUTER_TTL && FL_OUTER(outer_dscp) == FL_OUTER_DSCP_INNER &&
         !FL_OUTER(outer_entropy4) && !FL_OUTER(outer_entropy6) &&
         !(flags & (FL_OUTER_DF_CLEAR | FL_OUTER_DF_INNER | FL_OUTER_UDP_CHECKSUM));
#undef FL_OUTER
}

static __always_inline __u32 fl_outer_bytes(__u8 family, __u8 encapsulation, __u32 hops) {
  const __u32 ip = family == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  if (encapsulation != FL_ENCAP_GUE) return ip;
  const __u32 fixed = ip + sizeof(struct udphdr) + FL_GUE_BASE_BYTES;
  if (family == 6) return fixed + (hops ? FL_GUE_PRIVATE_BYTES + hops * FL_GUE_HOP6_BYTES : 0);
  return fixed + FL_GUE_PRIVATE_BYTES + hops * FL_GUE_HOP_BYTES;
}

/// TTL or hop limit less by one; the IPv4 checksum follows (RFC 1624, equation 3).
static __always_inline int fl_decrement_ttl(struct xdp_md* ctx, const struct fl_packet* p) {
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  __u8* const ip = data + fl_bounded(p->l3);
  if ((void*)(ip + sizeof(struct iphdr)) > data_end) return -1;
  if (p->family == 6) {
    ip[7]--;
    return 0;
  }
  __u32* const at = (__u32*)(ip + 8);  // TTL, protocol, checksum
  const __u32 word = *at;
  __u32 checksum = (word >> 16) + 1;
  checksum += checksum >= 0xffff ? 1 : 0;
  *at = ((word & 0xffff) - 1) | checksum << 16;
  return 0;
}

static __always_inline void fl_write_outer4(
    __u64* at, const struct fl_outer* o, const struct fl_packet* p, __u8 protocol, __u32 payload
) {
  const __u32 total = payload + sizeof(struct iphdr);
  const __u64 first = 0x45ULL | (__u64)p->traffic_class << 8 |
                      (__u64)bpf_htons((__u16)total) << 16 | 0x0040ULL << 48;  // DF, id 0
  const __u64 second = FL_OUTER_TTL | (__u64)protocol << 8 | (__u64)o->source[0] << 32;
  __u64 sum = (first & 0xffffffff) + (first >> 32) + (second & 0xffffffff) + (second >> 32) +
              o->destination[0];
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  at[0] = first;
  at[1] = second | (__u64)(__u16)~fl_fold((__u32)sum) << 16;
  *(__u32*)(at + 2) = o->destination[0];
}

static __always_inline void fl_write_outer6(
    __u64* at,
    const struct fl_outer* o,
    const struct fl_packet* p,
    __u64 hash,
    __u8 protocol,
    __u32 payload
) {
  const __u32 label = 6u << 28 | (__u32)p->traffic_class << 20 | fl_outer_flow_label(hash);
  at[0] = (__u64)bpf_htonl(label) | (__u64)bpf_htons((__u16)payload) << 32 | (__u64)protocol << 48 |
          (__u64)FL_OUTER_TTL << 56;
  __builtin_memcpy(at + 1, o->source, 16);
  __builtin_memcpy(at + 3, o->destination, 16);
}

/// UDP and GUE headers at `at`, with the head of a hop list: towards IPv6 none if it is empty.
static __always_inline void fl_write_gue(
    __u32* at, __u8 family, __u8 inner_protocol, __u64 hash, __u32 udp_bytes, __u32 hops
) {
  const __u32 listed = family != 6 || hops;
  const __u32 words = listed + hops * (family == 6 ? FL_GUE_HOP6_BYTES : FL_GUE_HOP_BYTES) / 4;
  at[0] = (__u32)bpf_htons(fl_gue_source_port(hash)) | (__u32)bpf_htons(FL_GUE_PORT) << 16;
  at[1] = bpf_htons((__u16)udp_bytes);  // checksum 0
  at[2] = words | (__u32)inner_protocol << 8;
  if (listed) at[3] = (family == 6 ? FL_GUE_PRIVATE_HOPS6 : FL_GUE_PRIVATE_HOPS) << 8 | hops << 24;
}

static __always_inline void fl_write_mac(__u8* at, __u64 mac) {
  *(__u32*)at = (__u32)mac;
  *(__u16*)(at + 4) = (__u16)(mac >> 32);
}

/// The Ethernet header and its tags in front of the outer header. `old`: where they were.
static __always_inline int fl_write_frame(
    struct xdp_md* ctx, const struct fl_outer* o, const struct fl_packet* p
) {
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  const __u32 l3 = fl_bounded(p->l3);
  const __u32 outer = fl_bounded(o->bytes);
  if (l3 != sizeof(struct ethhdr)) {
    // One or two tags: from the first tag's ethertype on.
    const __u8* const old = data + outer;
    if ((const void*)(old + 22) > data_end) return -1;
    if (data + 22 > data_end) return -1;
    const __u32 first = *(const __u32*)(old + 12);
    const __u32 other = *(const __u32*)(old + 16);
    *(__u32*)(data + 12) = first;
    *(__u32*)(data + 16) = other;
  }
  __be16* const type = data + fl_bounded(l3 - sizeof *type);
  if ((void*)(type + 1) > data_end || data + sizeof(struct ethhdr) > data_end) return -1;
  *type = o->family == 6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
  fl_write_mac(data, o->next_hop);
  fl_write_mac((__u8*)data + 6, o->own);
  return 0;
}

static __always_inline int fl_write_tunnel(
    struct xdp_md* ctx, const struct fl_outer* o, const struct fl_packet* p, const struct fl_work* w
) {
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  __u8* const ip = data + fl_bounded(p->l3);
  const __u8 inner = p->family == 6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
  __u32 payload = p->ip_bytes;
  __u8 protocol = inner;
  if (w->encapsulation == FL_ENCAP_GUE) {
    const __u32 ip_bytes = o->family == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    __u8* const udp = ip + ip_bytes;
    if ((void*)(udp + 16) > data_end) return -1;
    payload += o->bytes - ip_bytes;
    protocol = IPPROTO_UDP;
    fl_write_gue((__u32*)udp, o->family, inner, w->hash, payload, w->hop_count);
  }
  if (o->family == 6) {
    if ((void*)(ip + sizeof(struct ipv6hdr)) > data_end) return -1;
    fl_write_outer6((__u64*)ip, o, p, w->hash, protocol, payload);
    return 0;
  }
  if ((void*)(ip + sizeof(struct iphdr)) > data_end) return -1;
  fl_write_outer4((__u64*)ip, o, p, protocol, payload);
  return 0;
}

/// A 32-bit word of the bank by its offset, which may lie in any of its lines.
static __always_inline __u32 fl_bank_word(const struct fl_work* w, __u32 offset) {
  const __u32* line = fl_line(&fl_steering, w->bank + offset / FL_LINE_BYTES);
  if (!line) return 0;
  FL_KEEP(line);
  return line[offset % FL_LINE_BYTES / 4];
}

/// The node's outer source of a family. 1: there is one.
static __always_inline int fl_outer_source(const struct fl_work* w, struct fl_outer* o) {
  if (o->family != 6) {
    o->source[0] = fl_bank_word(w, offsetof(struct fl_bank, outer_source4));
    return o->source[0] != 0;
  }
#pragma unroll
  for (int i = 0; i < 4; i++)
    o->source[i] = fl_bank_word(w, offsetof(struct fl_bank, outer_source6) + 4 * i);
  return (o->source[0] | o->source[1] | o->source[2] | o->source[3]) != 0;
}

static __always_inline int fl_forward_l2(
    struct xdp_md* ctx,
    const struct fl_gate_settings* settings,
    const struct fl_packet* p,
    const struct fl_member* member
) {
  if (p->ip_bytes + p->l3 - sizeof(struct ethhdr) > settings->mtu) return FL_REASON_TOO_BIG;
  __u64 mac = 0;
  __builtin_memcpy(&mac, member->mac, sizeof member->mac);
  if (!mac) {
    const __u64* const resolved = fl_line(&fl_gate_macs, member->backend);
    mac = resolved ? *(const volatile __u64*)resolved : 0;
  }
  if (!mac) return FL_REASON_NO_NEXT_HOP;
  if (fl_decrement_ttl(ctx, p)) return FL_REASON_TRUNCATED_IP;
  void* data = (void*)(long)ctx->data;
  void* data_end = (void*)(long)ctx->data_end;
  if (data + sizeof(struct ethhdr) > data_end) return FL_REASON_TRUNCATED_ETHERNET;
  fl_write_mac(data, mac);
  fl_write_mac((__u8*)data + 6, settings->own);
  return FL_REASON_NONE;
}

#endif
