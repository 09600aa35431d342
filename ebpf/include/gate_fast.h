/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The way of nearly all packets, in one straight line: IPv4 without options, tags and fragments, a
/// known flow, a plain IPIP or GUE tunnel over IPv4. Whatever is different in any respect takes the
/// long way (gate.bpf.c), which has all rules and comes to the same result.
///
/// What the table says about a destination is remembered per CPU for the generation in force, so
/// that one lookup answers instead of six. The order of the rest is for the one line that may be
/// cold, the flow's bucket: after its load nothing branches on what it brings but to leave, so the
/// processor goes on with all that does not need it.
#ifndef FAIRLEAD_EBPF_GATE_FAST_H
#define FAIRLEAD_EBPF_GATE_FAST_H

#include "ebpf/include/counters.h"
#include "ebpf/include/gate_flow.h"
#include "ebpf/include/gate_outer.h"
#include "ebpf/include/gate_owner.h"
#include "ebpf/include/gate_vip.h"

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, FL_GATE_VIPS);
  __type(key, __u32);
  __type(value, struct fl_gate_vip);
} fl_gate_vips SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, FL_MAX_WORKERS);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, FL_GATE_COUNTER_COUNT);
  __type(key, __u32);
  __type(value, __u64);
} fl_gate_count SEC(".maps");

static __always_inline int count(__u32 counter, int verdict) {
  __u64* n = bpf_map_lookup_elem(&fl_gate_count, &counter);
  if (n) (*n)++;
  return verdict;
}

static __always_inline __u64 fl_vip_memory_key(__u32 address, __u32 ports, __u32 protocol) {
  return (__u64)address | (__u64)(ports >> 16) << 32 | (__u64)protocol << 48;
}

/// The place that a destination shares with others.
static __always_inline struct fl_gate_vip* fl_vip_memory(__u64 key) {
  return fl_line(&fl_gate_vips, (__u32)((key * 0x9e3779b97f4a7c15ULL) >> 56) % FL_GATE_VIPS);
}

/// The worker whose flows and counters a queue's packets belong to.
static __always_inline __u32 worker_of(__u32 queue) {
  const __u8* line = fl_line(&fl_worker_lines, 1);
  if (!line || queue >= FL_GATE_QUEUES) return queue;
  FL_KEEP(line);
  const __u8 number = line[FL_QUEUE_WORKER_OFFSET % FL_LINE_BYTES + queue];
  return number ? number - 1u : queue;
}

static __always_inline int transmit(const struct fl_gate_settings* settings) {
  if (settings && settings->tx_ifindex) return (int)bpf_redirect(settings->tx_ifindex, 0);
  return XDP_TX;
}

FL_STATIC_ASSERT(offsetof(struct fl_bank, outer_source4) / FL_LINE_BYTES == 2, "third line");
FL_STATIC_ASSERT(offsetof(struct fl_bank, outer_ttl) / FL_LINE_BYTES == 3, "fourth line");
FL_STATIC_ASSERT(offsetof(struct fl_bank, outer_entropy4) / FL_LINE_BYTES == 3, "fourth line");

/// Only what the short way can do is remembered.
static __always_inline void fl_remember_vip(__u32 bank, __u32 vip_line, const struct fl_packet* p) {
  const struct fl_vip* const vip = fl_line(&fl_steering, vip_line);
  const struct fl_bank* const head = fl_line(&fl_steering, bank);
  const __u64* const second = fl_line(&fl_steering, bank + 1);
  const __u8* const third = fl_line(&fl_steering, bank + 2);
  const __u8* const fourth = fl_line(&fl_steering, bank + 3);
  const struct fl_current* const current = fl_line(&fl_steering, 1);
  const __u64 key = fl_vip_memory_key((__u32)p->destination[0], p->ports, p->protocol);
  struct fl_gate_vip* const m = fl_vip_memory(key);
  if (!vip || !head || !second || !third || !fourth || !current || !m) return;
  const __u64 generation = FL_VOLATILE(current->generation);
  if (fl_bank_of(generation) != bank) return;  // a newer one since
  if (m->key == key && m->generation == generation && m->published_ns == current->published_ns)
    return;
  if (vip->flags & (FL_VIP_STATELESS | FL_VIP_QUIC) || !vip->table_size) return;
  if (vip->encapsulation == FL_ENCAP_L2 || !fl_outer_is_usual(fourth)) return;
  m->generation = 0;
  m->key = key;
  m->published_ns = current->published_ns;
  m->hash_key[0] = second[0];
  m->hash_key[1] = second[1];
  m->members = bank + head->members_line;
  m->member_count = head->member_count;
  m->source = *(const __u32*)(third + FL_IN_LINE(struct fl_bank, outer_source4));
  m->vip = vip->vip & (FL_MAX_VIPS - 1);
  m->counters = FL_PAGE_LINE(vips) + m->vip * (sizeof(struct fl_vip_counters) / FL_LINE_BYTES);
  m->idle_udp =
      fl_ticks_confirmed(*(const __u32*)(third + FL_IN_LINE(struct fl_bank, idle_udp_ms)));
  m->gue = vip->encapsulation == FL_ENCAP_GUE;
  m->generation = generation;
}

/// Nothing was done: the long way.
#define FL_TAKE_THE_LONG_WAY (-1)

/// The entry of the bucket whose tag is the flow's: the lowest one's index, without a branch, or
/// more than 7. Each 16-bit lane of `a` and `b` that is zero, exactly: its top bit.
static __always_inline __u32 fl_lane_of_tag(const struct fl_flow_bucket* b, __u16 tag) {
  const __u64 low15 = 0x7fff7fff7fff7fffULL;
  const __u64 all = tag * 0x0001000100010001ULL;
  const __u64* const tags = (const __u64*)b->tag;
  const __u64 low = tags[0] ^ all;
  const __u64 high = tags[1] ^ all;
  const __u64 zero_low = ~(((low & low15) + low15) | low | low15);
  const __u64 zero_high = ~(((high & low15) + low15) | high | low15);
  // Lanes 0 to 3 at bits 0, 16, 32, 48; 4 to 7 at 3, 19, 35, 51.
  const __u64 found = zero_low >> 15 | zero_high >> 12;
  const __u64 one = found & -found;
  // Shifted by the bit's position, these three bits come to the top: 0, 4, 1, 5, 2, 6, 3, 7.
  const __u64 lanes =
      4ULL << 58 | 1ULL << 45 | 5ULL << 42 | 2ULL << 29 | 6ULL << 26 | 3ULL << 13 | 7ULL << 10;
  return one ? (__u32)((one * lanes) >> 61) : FL_FLOW_ENTRIES;
}

/// The headers in front of the inner packet, in whole words. `at`: the frame's first byte.
static __always_inline void fl_write_plain(
    __u64* at,
    const struct fl_gate_settings* settings,
    const struct fl_gate_vip* m,
    __u64 hash,
    __u32 destination,
    __u32 tos,
    __u32 total
) {
  const __u64 own = settings->own;
  const __u32 gue_bytes = sizeof(struct udphdr) + FL_GUE_BASE_BYTES + FL_GUE_PRIVATE_BYTES;
  const __u32 udp_bytes = total + (m->gue ? gue_bytes : 0);
  const __u64 length = bpf_htons((__u16)(udp_bytes + sizeof(struct iphdr)));
  const __u64 protocol = m->gue ? IPPROTO_UDP : IPPROTO_IPIP;
  const __u64 ttl = FL_OUTER_TTL | protocol << 8;
  const __u64 first = 0x45u | tos << 8;
  __u64 sum = first + length + 0x0040u + ttl + (m->source >> 16) + (m->source & 0xffff) +
              (destination >> 16) + (destination & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  at[0] = settings->gateway4 | own << 48;
  at[1] = own >> 16 | (__u64)bpf_htons(ETH_P_IP) << 32 | first << 48;
  at[2] = length | 0x0040ULL << 32 | ttl << 48;  // id 0, DF
  at[3] = (~sum & 0xffff) | (__u64)m->source << 16 | (__u64)destination << 48;
  *(__u16*)(at + 4) = (__u16)(destination >> 16);
  if (!m->gue) return;
  __u8* const udp = (__u8*)at + sizeof(struct ethhdr) + sizeof(struct iphdr);
  *(__u64*)udp = (__u64)bpf_htons(fl_gue_source_port(hash)) | (__u64)bpf_htons(FL_GUE_PORT) << 16 |
                 (__u64)bpf_htons((__u16)udp_bytes) << 32;
  *(__u64*)(udp + 8) = 1u | (__u64)IPPROTO_IPIP << 8;  // an empty hop list
}

/// A known flow's packet from here to the wire. `lock` is held; returns a verdict or
/// FL_TAKE_THE_LONG_WAY.
static __always_inline int fl_forward_plain(
    struct xdp_md* ctx,
    const struct fl_gate_settings* settings,
    struct fl_gate_vip* m,
    __u32 worker,
    __u64 addresses,
    __u32 ports,
    __u32 protocol,
    __u32 tos,
    __u32 total,
    __u32 frame_bytes,
    __u64 now
) {
  const __u64 hash = fl_flow_hash4(m->hash_key, addresses, ports, (__u8)protocol);
  const __u32 bucket = fl_flow_bucket_of(hash, settings->bucket_mask);
  void* const table = bpf_map_lookup_elem(&fl_flow_tables, &worker);
  struct fl_flow_bucket* b = table ? fl_line(table, bucket + 1) : 0;
  if (!b) return FL_TAKE_THE_LONG_WAY;
  FL_KEEP(b);
  const __u32 lane = fl_lane_of_tag(b, fl_flow_tag(hash));
  if (lane >= FL_FLOW_ENTRIES) return FL_TAKE_THE_LONG_WAY;
  const __u32 word = b->entry[lane];
  const __u32 known = FL_FLOW_CONFIRMED << FL_FLOW_STATE_SHIFT | fl_flow_extra(hash)
                                                                     << FL_FLOW_EXTRA_SHIFT;
  if ((word & (FL_FLOW_STATE_MASK | FL_FLOW_EXTRA_MASK | FL_FLOW_SECOND)) != known)
    return FL_TAKE_THE_LONG_WAY;
  const __u32 number = word & FL_FLOW_MEMBER_MASK;
  if (number >= m->member_count) return FL_TAKE_THE_LONG_WAY;
  const struct fl_member* const member = fl_line(&fl_steering, m->members + number);
  if (!member || member->vip != m->vip || member->family != 4) return FL_TAKE_THE_LONG_WAY;
  if (member->state != FL_MEMBER_ACTIVE && member->state != FL_MEMBER_DRAINING)
    return FL_TAKE_THE_LONG_WAY;

  if (now - m->tick_begin_ns >= FL_FLOW_TICK_NS) {
    m->tick = fl_tick(now);
    m->tick_begin_ns = now / FL_FLOW_TICK_NS * FL_FLOW_TICK_NS;
  }
  const __u16 idle = fl_flow_idle(m->tick, b->seen[lane]);
  if (idle >= FL_SEEN_STEP) {
    if (protocol == IPPROTO_UDP && idle > m->idle_udp) return FL_TAKE_THE_LONG_WAY;
    b->seen[lane] = m->tick;
  }

  const __u32 page = FL_FIRST_PAGE + worker * FL_PAGE_LINES;
  __u64* const totals = fl_line(&fl_worker_lines, page + FL_PAGE_LINE(rx_packets));
  __u64* const hits = fl_line(&fl_worker_lines, page + FL_PAGE_LINE(flow_hits));
  struct fl_vip_counters* const vip = fl_line(&fl_worker_lines, page + m->counters);
  struct fl_backend_counters* const backend = fl_backend(page, member->backend);
  if (!totals || !hits || !vip || !backend) return FL_TAKE_THE_LONG_WAY;

  const __u32 gue_bytes = sizeof(struct udphdr) + FL_GUE_BASE_BYTES + FL_GUE_PRIVATE_BYTES;
  const __u32 outer = sizeof(struct iphdr) + (m->gue ? gue_bytes : 0);
  if (!settings->gateway4 || !m->source || total + outer > settings->mtu)
    return FL_TAKE_THE_LONG_WAY;
  // The bound below holds for both encapsulations; a short datagram over IPIP is below it.
  if (!m->gue && total < sizeof(struct iphdr) + gue_bytes) return FL_TAKE_THE_LONG_WAY;
  const __u32 padding = frame_bytes - sizeof(struct ethhdr) - total;
  if (padding && bpf_xdp_adjust_tail(ctx, -(int)padding)) return FL_TAKE_THE_LONG_WAY;
  if (bpf_xdp_adjust_head(ctx, -(int)outer)) return FL_TAKE_THE_LONG_WAY;
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  const __u32 inner = sizeof(struct ethhdr) + outer;
  if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) + gue_bytes + sizeof(struct iphdr) >
      data_end)
    return XDP_DROP;                    // cannot be: looked at above
  __u32* const ttl = data + inner + 8;  // TTL, protocol, checksum
  if ((void*)(ttl + 1) > data_end) return XDP_DROP;
  const __u32 old = *ttl;
  __u32 checksum = (old >> 16) + 1;
  checksum += checksum >> 16 | (checksum == 0xffff);
  *ttl = ((old & 0xffff) - 1) | checksum << 16;
  __u32 destination;
  __builtin_memcpy(&destination, member->address, 4);
  fl_write_plain(data, settings, m, hash, destination, tos, total);

  totals[0]++;
  totals[1] += frame_bytes;
  totals[2]++;
  totals[3] += sizeof(struct ethhdr) + outer + total;
  hits[FL_IN_LINE(struct fl_worker_page, flow_hits) / 8]++;
  vip->packets++;
  vip->bytes += total;
  vip->hits++;
  backend->packets++;
  backend->bytes += total;
  return XDP_TX;
}

/// Whether the packet may go the short way, and then how it ended; else FL_TAKE_THE_LONG_WAY.
static __always_inline int fl_go_the_short_way(struct xdp_md* ctx) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  const struct fl_gate_settings* const settings = fl_settings();
  const struct fl_current* const current = fl_line(&fl_steering, 1);
  if (!settings || !current) return FL_TAKE_THE_LONG_WAY;
  if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct tcphdr) > data_end)
    return FL_TAKE_THE_LONG_WAY;
  const __u64 mac = *(const __u64*)data & 0xffffffffffffULL;
  const __u32 type = *(const __u32*)(data + 12);  // ethertype, version and length, TOS
  const __u64 first = *(const __u64*)(data + 14);
  const __u64 second = *(const __u64*)(data + 22);
  const __u32 destination = *(const __u32*)(data + 30);
  const __u32 ports = *(const __u32*)(data + 34);
  const __u32 fragment = (__u32)(first >> 48) & bpf_htons(0x3fff);
  const __u32 protocol = (second >> 8) & 0xff;
  if (mac != settings->own || mac & 1 || (type & 0xffffff) != 0x450008 || fragment)
    return FL_TAKE_THE_LONG_WAY;

  const __u64 key = fl_vip_memory_key(destination, ports, protocol);
  struct fl_gate_vip* const m = fl_vip_memory(key);
  if (!m || m->key != key || !m->generation || m->generation != FL_VOLATILE(current->generation) ||
      m->published_ns != current->published_ns)
    return FL_TAKE_THE_LONG_WAY;
  __u32 queue = ctx->rx_queue_index;
  const __u32 worker = worker_of(queue);
  if (worker >= FL_MAX_WORKERS) return FL_TAKE_THE_LONG_WAY;
  struct fl_sign* const sign =
      fl_line(&fl_worker_lines, FL_FIRST_PAGE + worker * FL_PAGE_LINES + 1);
  if (!sign) return FL_TAKE_THE_LONG_WAY;
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (FL_VOLATILE(sign->owner) == FL_OWNER_DATAPLANE) {
    const int has_socket = bpf_map_lookup_elem(&xsks_map, &queue) != 0;
    if (!fl_data_plane_serves(sign, has_socket, now)) return FL_TAKE_THE_LONG_WAY;
    return count(FL_GATE_REDIRECTED, (int)bpf_redirect_map(&xsks_map, queue, XDP_PASS));
  }

  const __u32 total = bpf_ntohs((__u16)(first >> 16));
  const __u32 frame_bytes = (__u32)(data_end - data);
  if (total > frame_bytes - sizeof(struct ethhdr)) return FL_TAKE_THE_LONG_WAY;
  if (protocol == IPPROTO_TCP) {
    const __u32 word = *(const __u16*)(data + 46);  // data offset, flags
    const __u32 header_bytes = (word >> 2) & 0x3c;
    if (header_bytes < sizeof(struct tcphdr) || header_bytes + sizeof(struct iphdr) > total)
      return FL_TAKE_THE_LONG_WAY;
    if ((word >> 8 & (FL_TCP_FIN | FL_TCP_SYN | FL_TCP_RST | FL_TCP_ACK)) != FL_TCP_ACK)
      return FL_TAKE_THE_LONG_WAY;
  } else {  // nothing but UDP is remembered
    const __u32 bytes = bpf_ntohs(*(const __u16*)(data + 38));
    if (bytes < sizeof(struct udphdr) || bytes + sizeof(struct iphdr) > total)
      return FL_TAKE_THE_LONG_WAY;
  }
  const __u32 source = (__u32)(second >> 32);
  __u64 sum = (first & 0xffffffff) + (first >> 32) + (second & 0xffffffff) + source + destination;
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  if (sum != 0xffff || (second & 0xff) <= 1 || fl_is_martian4(source, destination) ||
      !(ports & 0xffff) || !(ports >> 16))
    return FL_TAKE_THE_LONG_WAY;

  if (__sync_val_compare_and_swap(&sign->lock, FL_LOCK_FREE, FL_LOCK_GATE) != FL_LOCK_FREE)
    return FL_TAKE_THE_LONG_WAY;
  int verdict = FL_TAKE_THE_LONG_WAY;
  if (FL_VOLATILE(sign->owner) == FL_OWNER_GATE)
    verdict = fl_forward_plain(
        ctx,
        settings,
        m,
        worker,
        source | (__u64)destination << 32,
        ports,
        protocol,
        (type >> 24),
        total,
        frame_bytes,
        now
    );
  if (verdict >= 0) sign->gate_packets++;
  fl_end_turn(sign);
  if (verdict < 0) return verdict;
  if (verdict != XDP_TX) return count(FL_GATE_DROPPED, verdict);
  return count(FL_GATE_FORWARDED, transmit(settings));
}
#endif
