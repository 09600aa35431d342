/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// A SYN to a port of a vip on which nobody listens any more: the service has died, its host has
/// not. The kernel would refuse it, and the client would give up; a SYN that gets no answer is sent
/// again, the nodes see that this backend does not answer, and give the next one to another
/// (docs/takeover.md, "Nobody listens").
///
/// Only where somebody listened a moment ago: a service that the kernel's lookup does not find at
/// all (in another network namespace, behind a rewriting rule) is none of our business, and where
/// nobody ever listened the refusal is the right answer.
#ifndef FAIRLEAD_EBPF_LISTENING_H
#define FAIRLEAD_EBPF_LISTENING_H

#include <linux/bpf.h>
#include <linux/tcp.h>

#include <bpf/bpf_helpers.h>

#include "ebpf/include/counters.h"
#include "ebpf/include/parse.h"

#define FL_LISTENED_FOR_NS 30000000000ull /* so long a SYN that found nobody is dropped */
#define FL_LISTENED_STEP_NS 1000000000ull /* so old a time is written anew */
#define FL_LISTENED_MAX 1024              /* addresses and ports with a listener */

struct fl_listener {
  __u32 address[4]; /* IPv4 in the first word, rest 0 */
  __u32 port;       /* as on the wire */
  __u32 family;
};

/// When somebody was last seen to listen.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, FL_LISTENED_MAX);
  __type(key, struct fl_listener);
  __type(value, __u64);
} fl_listened SEC(".maps");

/// 1: nobody listens for a SYN from `source` port to `destination` port of the inner packet, where
/// somebody did. A global function: the verifier checks it once.
__attribute__((noinline)) int fl_nobody_listens(
    struct xdp_md* ctx, const struct fl_l3* inner, __u32 source, __u32 destination
) {
  if (!inner) return 0;
  struct bpf_sock_tuple tuple = {};
  __u32 bytes = sizeof tuple.ipv4;
  if (inner->family == 4) {
    tuple.ipv4.saddr = inner->source[0];
    tuple.ipv4.daddr = inner->destination[0];
    tuple.ipv4.sport = (__be16)source;
    tuple.ipv4.dport = (__be16)destination;
  } else {
    bytes = sizeof tuple.ipv6;
    __builtin_memcpy(tuple.ipv6.saddr, inner->source, 16);
    __builtin_memcpy(tuple.ipv6.daddr, inner->destination, 16);
    tuple.ipv6.sport = (__be16)source;
    tuple.ipv6.dport = (__be16)destination;
  }
  struct fl_listener at = {.port = destination, .family = inner->family};
  __builtin_memcpy(at.address, inner->destination, sizeof at.address);
  struct bpf_sock* const sk = bpf_skc_lookup_tcp(ctx, &tuple, bytes, BPF_F_CURRENT_NETNS, 0);
  const int listening = sk && sk->state == BPF_TCP_LISTEN;
  const int owned = sk != 0;
  if (sk) bpf_sk_release(sk);
  if (owned && !listening) return 0;  // a connection of this very port: the kernel's matter
  const __u64 now = bpf_ktime_get_coarse_ns();
  __u64* const last = bpf_map_lookup_elem(&fl_listened, &at);
  if (!listening) return last && now < *last + FL_LISTENED_FOR_NS;
  if (!last)
    bpf_map_update_elem(&fl_listened, &at, &now, BPF_ANY);
  else if (now > *last + FL_LISTENED_STEP_NS)
    *last = now;
  return 0;
}

static __always_inline int fl_is_syn(__u32 flags) {
  return (flags & 0x12) == 0x02;  // without ACK
}

/// The same for whatever the inner packet is.
static __always_inline int fl_asks_in_vain(struct xdp_md* ctx, const struct fl_l3* inner) {
  struct tcphdr tcp = {};
  if (inner->protocol != IPPROTO_TCP || inner->later) return 0;
  if (bpf_xdp_load_bytes(ctx, inner->l4, &tcp, sizeof tcp)) return 0;
  if (!tcp.syn || tcp.ack) return 0;
  return fl_nobody_listens(ctx, inner, tcp.source, tcp.dest);
}

#endif
