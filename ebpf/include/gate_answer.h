/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// What the gate sends back itself (path/answer.cc, net/icmp.cc): "too big" and echo replies.
#ifndef FAIRLEAD_EBPF_GATE_ANSWER_H
#define FAIRLEAD_EBPF_GATE_ANSWER_H

#include "ebpf/include/gate_forward.h"
#include "ebpf/include/gate_icmp.h"
#include "ebpf/include/gate_meter.h"

#define FL_ANSWER_TTL 64u
#define FL_ERROR_CLASS 0xc0u /* network control */
#define FL_LARGEST_ERROR4 576u
#define FL_LARGEST_ERROR6 1280u
#define FL_LEAST_MTU4 68u
#define FL_LEAST_MTU6 1280u

/// Sum of `bytes` bytes (a multiple of 4) of the frame from `offset` on. A global function: its
/// loops are checked once.
__attribute__((noinline)) __u64 fl_sum_frame(struct xdp_md* ctx, __u32 offset, __u32 bytes) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  __u64 sum = 0;
  for (__u32 chunk = 0; chunk < FL_LARGEST_ERROR6 / 64 + 1; chunk++) {
    if ((chunk + 1) * 64 > bytes) break;
    const __u32* const word = data + fl_bounded(offset + chunk * 64);
    if ((const void*)(word + 16) > data_end) return sum;
#pragma unroll
    for (int i = 0; i < 16; i++) sum += word[i];
  }
  for (__u32 i = 0; i < 16; i++) {
    const __u32 at = (bytes & ~63u) + i * 4;
    if (at >= bytes) break;
    const __u32* const word = data + fl_bounded(offset + at);
    if ((const void*)(word + 1) > data_end) return sum;
    sum += *word;
  }
  return sum;
}

/// Ethernet header and tags go back where they came from. `old`: offset of where they are.
static __always_inline int fl_turn_frame_back(
    struct xdp_md* ctx, const struct fl_packet* p, __u32 old, __u64 own
) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  const __u8* const from = data + fl_bounded(old);
  if (data + 22 > data_end || (const void*)(from + 22) > data_end) return -1;
  const __u64 sender = (__u64) * (const __u32*)(from + 6) | (__u64) * (const __u16*)(from + 10)
                                                                << 32;
  const __u16 type = *(const __u16*)(from + 12);
  const __u64 tags = *(const __u64*)(from + 14);
  fl_write_mac(data, sender);
  fl_write_mac((__u8*)data + 6, own);
  *(__u16*)(data + 12) = type;
  if (p->l3 >= 18) *(__u32*)(data + 14) = (__u32)tags;
  if (p->l3 >= 22) *(__u32*)(data + 18) = (__u32)(tags >> 32);
  return 0;
}

/// Where a message about a packet comes from: the vip, or the node.
static __always_inline void fl_own_address(
    const struct fl_work* w, const struct fl_packet* p, __u64* address
) {
  const __u8* line = fl_line(&fl_steering, w->bank + 3);
  address[0] = p->destination[0];
  address[1] = p->destination[1];
  if (!line) return;
  FL_KEEP(line);
  if (!(line[FL_IN_LINE(struct fl_bank, outer_flags)] & FL_ICMP_FROM_NODE)) return;
  if (p->family == 4) {
    address[0] = fl_bank_word(w, offsetof(struct fl_bank, node_address4));
    return;
  }
  const __u32 at = offsetof(struct fl_bank, node_address6);
  address[0] = fl_bank_word(w, at) | (__u64)fl_bank_word(w, at + 4) << 32;
  address[1] = fl_bank_word(w, at + 8) | (__u64)fl_bank_word(w, at + 12) << 32;
}

static __always_inline int fl_may_answer(const struct fl_work* w, __u32 which, __u32 limit) {
  struct fl_gate_meter* const meter = fl_line(&fl_gate_icmp_meters, 2 * w->worker + which);
  return meter && fl_take_credit(meter, limit, w->now);
}

static __always_inline int fl_write_too_big4(
    struct xdp_md* ctx, const struct fl_packet* p, const __u64* from, __u32 mtu, __u32 bytes
) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  __u32* const at = data + fl_bounded(p->l3);
  if ((void*)(at + 7) > data_end) return -1;
  at[0] = 0x45u | FL_ERROR_CLASS << 8 | (__u32)bpf_htons((__u16)bytes) << 16;
  at[1] = 0x0040u << 16;  // id 0, DF
  at[2] = FL_ANSWER_TTL | (__u32)IPPROTO_ICMP << 8;
  at[3] = (__u32)from[0];
  at[4] = (__u32)p->source[0];
  at[2] |= (~fl_fold64((__u64)at[0] + at[1] + at[2] + at[3] + at[4]) & 0xffff) << 16;
  at[5] = 3u | 4u << 8;  // unreachable, fragmentation needed
  at[6] = bpf_htonl(mtu > 0xffff ? 0xffff : mtu);
  const __u64 sum = (__u64)at[5] + at[6] + fl_sum_frame(ctx, p->l3 + 28, bytes - 28);
  at[5] |= (~fl_fold64(sum) & 0xffff) << 16;
  return 0;
}

static __always_inline int fl_write_too_big6(
    struct xdp_md* ctx, const struct fl_packet* p, const __u64* from, __u32 mtu, __u32 bytes
) {
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  __u32* const at = data + fl_bounded(p->l3);
  if ((void*)(at + 12) > data_end) return -1;
  const __u32 body = bytes - sizeof(struct ipv6hdr);
  at[0] = bpf_htonl(6u << 28 | FL_ERROR_CLASS << 20);
  at[1] = (__u32)bpf_htons((__u16)body) | (__u32)IPPROTO_ICMPV6 << 16 | FL_ANSWER_TTL << 24;
  __u64 sum = bpf_htonl(body) + (__u64)bpf_htonl(IPPROTO_ICMPV6);
#pragma unroll
  for (int i = 0; i < 2; i++) {
    at[2 + 2 * i] = (__u32)from[i];
    at[3 + 2 * i] = (__u32)(from[i] >> 32);
    at[6 + 2 * i] = (__u32)p->source[i];
    at[7 + 2 * i] = (__u32)(p->source[i] >> 32);
    sum += (__u64)at[2 + 2 * i] + at[3 + 2 * i] + at[6 + 2 * i] + at[7 + 2 * i];
  }
  at[10] = 2u;  // packet too big
  at[11] = bpf_htonl(mtu);
  sum += (__u64)at[10] + at[11] + fl_sum_frame(ctx, p->l3 + 48, bytes - 48);
  at[10] |= (~fl_fold64(sum) & 0xffff) << 16;
  return 0;
}

/// The packet becomes a message to its sender that it is too big. 0: it did; else why it is
/// dropped.
__attribute__((noinline)) int fl_tell_too_big(
    struct xdp_md* ctx, const struct fl_packet* p, const struct fl_work* w
) {
  if (!p || !w) return FL_REASON_TOO_BIG;
  const struct fl_gate_settings* const settings = fl_settings();
  const __u32 limit = fl_bank_word(w, offsetof(struct fl_bank, icmp_error_limit));
  // RFC 1122 3.2.2: no error about an error, nor about a later fragment.
  const int untold = p->quoted || p->piece == FL_LATER_FRAGMENT;
  if (!settings || !limit || untold || w->stateless) return FL_REASON_TOO_BIG;
  if (!fl_may_answer(w, 0, limit)) return FL_REASON_ICMP_LIMIT;
  const int six = p->family == 6;
  __u32 mtu = fl_told_mtu(w, p, settings->mtu);
  if (mtu < (six ? FL_LEAST_MTU6 : FL_LEAST_MTU4)) mtu = six ? FL_LEAST_MTU6 : FL_LEAST_MTU4;
  __u64 from[2];
  fl_own_address(w, p, from);
  const __u32 headers =
      (six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + FL_ICMP_HEADER_BYTES;
  __u32 quoted = (six ? FL_LARGEST_ERROR6 : FL_LARGEST_ERROR4) - headers;
  if (quoted > p->ip_bytes) quoted = p->ip_bytes;
  quoted &= ~3u;
  const int cut = (int)(p->l3 + quoted) - (int)p->frame_bytes;
  if (cut && bpf_xdp_adjust_tail(ctx, cut)) return FL_REASON_TOO_BIG;
  if (bpf_xdp_adjust_head(ctx, -(int)headers)) return FL_REASON_TOO_BIG;
  if (fl_turn_frame_back(ctx, p, headers, settings->own)) return FL_REASON_TOO_BIG;
  const int wrong = six ? fl_write_too_big6(ctx, p, from, mtu, quoted + headers)
                        : fl_write_too_big4(ctx, p, from, mtu, quoted + headers);
  return wrong ? FL_REASON_TOO_BIG : FL_REASON_NONE;
}

/// The echo request becomes its reply, in place. 0: it did; else why it is dropped.
__attribute__((noinline)) int fl_reply_to_echo(
    struct xdp_md* ctx, const struct fl_packet* p, const struct fl_work* w
) {
  if (!p || !w) return FL_REASON_ECHO;
  const struct fl_gate_settings* const settings = fl_settings();
  const __u32 limit = fl_bank_word(w, offsetof(struct fl_bank, icmp_echo_limit));
  if (!settings || !limit || w->stateless) return FL_REASON_ECHO;
  const int six = p->family == 6;
  if (six ? fl_is_martian6(p) : fl_is_martian4((__u32)p->source[0], (__u32)p->destination[0]))
    return FL_REASON_MARTIAN_SOURCE;
  if (!fl_may_answer(w, 1, limit)) return FL_REASON_ICMP_LIMIT;
  if (fl_turn_frame_back(ctx, p, 0, settings->own)) return FL_REASON_ECHO;
  void* const data = (void*)(long)ctx->data;
  void* const data_end = (void*)(long)ctx->data_end;
  __u32* const at = data + fl_bounded(p->l3);
  __u16* const icmp = data + fl_bounded(p->l4);
  if ((void*)(at + 7) > data_end || (void*)(icmp + 4) > data_end) return FL_REASON_ECHO;
  if (six) {
    if ((void*)(at + 12) > data_end) return FL_REASON_ECHO;
    at[0] = bpf_htonl(6u << 28 | (__u32)(p->traffic_class & 0xfc) << 20);
    at[1] = (at[1] & 0xffffff) | FL_ANSWER_TTL << 24;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      at[2 + 2 * i] = (__u32)p->destination[i];
      at[3 + 2 * i] = (__u32)(p->destination[i] >> 32);
      at[6 + 2 * i] = (__u32)p->source[i];
      at[7 + 2 * i] = (__u32)(p->source[i] >> 32);
    }
  } else {
    at[0] = (at[0] & 0xffff00ff) | (__u32)(p->traffic_class & 0xfc) << 8;
    at[1] = at[1] & 0xffff;  // the identification stays, no fragment field
    at[2] = FL_ANSWER_TTL | (__u32)IPPROTO_ICMP << 8;
    at[3] = (__u32)p->destination[0];
    at[4] = (__u32)p->source[0];
    at[2] |= (~fl_fold64((__u64)at[0] + at[1] + at[2] + at[3] + at[4]) & 0xffff) << 16;
  }
  const __u16 before = icmp[0];
  const __u16 after = six ? 129 : 0;
  icmp[0] = after;
  icmp[1] = (__u16)~fl_fold((__u16)~icmp[1] + (__u32)(__u16)~before + after);
  return FL_REASON_NONE;
}

#endif
