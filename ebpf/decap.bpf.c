// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
// On a backend: takes Fairlead's outer headers off, so that the kernel sees the client's packet.
//
// A tunnel packet is ours if it comes from a configured node or if its inner destination is a vip
// served here; ours must be both, everything else that is ours is dropped: nobody but the nodes
// injects packets. A SYN for which nobody listens any more gets no answer. What is neither (another
// tunnel of this host) and what is no tunnel goes to the kernel as it is.
#include <linux/bpf.h>
#include <linux/udp.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/net/gue.h"
#include "ebpf/include/decap_fast.h"
#include "ebpf/include/decap_maps.h"
#include "ebpf/include/ecn.h"
#include "ebpf/include/listening.h"
#include "ebpf/include/parse.h"
#include "ebpf/include/second_chance.h"
#include "ebpf/include/sources.h"
#include "ebpf/include/vip_match.h"

/// What the outer headers say.
struct tunnel {
  __u32 inner;   /* offset of the inner packet */
  __be16 type;   /* its ethertype; 0: no tunnel of a kind that we know */
  __u32 counter; /* FL_DECAP_IPIP or FL_DECAP_GUE; or why it is wrong */
  struct fl_hop hop;
};

static __always_inline __be16 type_of(__u8 protocol) {
  if (protocol == IPPROTO_IPIP) return bpf_htons(ETH_P_IP);
  if (protocol == IPPROTO_IPV6) return bpf_htons(ETH_P_IPV6);
  return 0;
}

/// Reads the GUE header at `offset`. Returns 0 or the counter of what is wrong.
static __always_inline __u32
parse_gue(struct xdp_md* ctx, __u32 offset, __u8 family, struct tunnel* t) {
  struct {
    struct fl_gue_header base;
    struct fl_gue_hops hops;
  } gue = {};
  if (bpf_xdp_load_bytes(ctx, offset, &gue.base, sizeof gue.base)) return FL_DECAP_TRUNCATED;
  const __u8 words = gue.base.version_hlen & FL_GUE_HLEN_MASK;
  if (gue.base.version_hlen & FL_GUE_VERSION_CONTROL_MASK) return FL_DECAP_MALFORMED;
  if (gue.base.flags[0] | gue.base.flags[1]) return FL_DECAP_MALFORMED;
  if (words) {
    if (bpf_xdp_load_bytes(ctx, offset + sizeof gue.base, &gue.hops, sizeof gue.hops))
      return FL_DECAP_TRUNCATED;
    const __u32 wide = gue.hops.type[1] == FL_GUE_PRIVATE_HOPS6;
    if (gue.hops.type[0] || (!wide && gue.hops.type[1] != FL_GUE_PRIVATE_HOPS))
      return FL_DECAP_MALFORMED;
    const __u32 hop_words = (wide ? FL_GUE_HOP6_BYTES : FL_GUE_HOP_BYTES) / 4;
    if (gue.hops.hop_count * hop_words != words - 1u || gue.hops.next_hop > gue.hops.hop_count)
      return FL_DECAP_MALFORMED;
    t->hop.list = offset + sizeof gue.base;
    t->hop.next = gue.hops.next_hop;
    t->hop.count = gue.hops.hop_count;
    t->hop.family = wide ? 6 : 4;
    if (t->hop.family != family && t->hop.count) return FL_DECAP_MALFORMED;
  }
  t->inner = offset + fl_gue_bytes(gue.base.version_hlen);
  const __be16 type = type_of(gue.base.protocol);
  if (!type) return FL_DECAP_MALFORMED;
  t->type = type;
  t->counter = FL_DECAP_GUE;
  return 0;
}

/// Recognises the tunnel. `t->type` stays 0 for packets that are none; returns 0 or the counter of
/// what is wrong with one.
static __always_inline __u32
parse_tunnel(struct xdp_md* ctx, const struct fl_l3* outer, struct tunnel* t) {
  const __be16 type = type_of(outer->protocol);
  if (type) {
    t->inner = outer->l4;
    t->type = type;
    t->counter = FL_DECAP_IPIP;
    return outer->fragment ? FL_DECAP_FRAGMENT : 0;
  }
  if (outer->protocol != IPPROTO_UDP || outer->later) return 0;
  if (fl_destination_port(ctx, outer) != bpf_htons(FL_GUE_PORT)) return 0;
  t->type = bpf_htons(ETH_P_IP);  // a tunnel; of what is read next
  if (outer->fragment) return FL_DECAP_FRAGMENT;
  return parse_gue(ctx, outer->l4 + sizeof(struct udphdr), outer->family, t);
}

/// Does the inner packet go to a vip served here? 1, 0, or minus the counter of what is wrong.
static __always_inline int to_our_vip(struct xdp_md* ctx, const struct fl_l3* inner) {
  switch (inner->protocol) {
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      // Errors about a connection: the nodes steer them by the packet they quote.
      return fl_goes_to_vip(inner, FL_VIP_KEY_ADDRESS, 0);
    case IPPROTO_TCP:
    case IPPROTO_UDP: {
      if (inner->later) return fl_goes_to_vip(inner, FL_VIP_KEY_ADDRESS, 0);
      const int port = fl_destination_port(ctx, inner);
      if (port < 0) return -FL_DECAP_TRUNCATED;
      return fl_goes_to_vip(inner, inner->protocol, (__u16)port);
    }
    default:
      // A later fragment says what follows the Fragment header: an extension header, perhaps.
      if (inner->family == 6 && inner->later && fl_may_be_skipped(inner->protocol))
        return fl_goes_to_vip(inner, FL_VIP_KEY_ADDRESS, 0);
      return 0;
  }
}

/// Moves the Ethernet header and its tags up to the inner packet. Returns 0 or a negative error.
static __always_inline long strip(
    struct xdp_md* ctx, const struct fl_l2* l2, const struct tunnel* t
) {
  struct {
    struct ethhdr ethernet;
    struct fl_vlan_tag tag[FL_MAX_VLAN_TAGS];
  } head;
  const __u32 bytes = l2->bytes;
  if (bytes < sizeof head.ethernet || bytes > sizeof head) return -1;
  __builtin_memset(&head, 0, sizeof head);
  if (bpf_xdp_load_bytes(ctx, 0, &head, bytes)) return -1;
  if (bytes == sizeof head.ethernet)
    head.ethernet.h_proto = t->type;
  else if (bytes == sizeof head)
    head.tag[1].type = t->type;
  else
    head.tag[0].type = t->type;
  const long moved = bpf_xdp_adjust_head(ctx, (int)(t->inner - bytes));
  return moved ? moved : bpf_xdp_store_bytes(ctx, 0, &head, bytes);
}

static __always_inline enum fl_decap_counter of_status(int status) {
  return status == FL_PARSE_TRUNCATED ? FL_DECAP_TRUNCATED : FL_DECAP_MALFORMED;
}

/// What is wrong with the packet inside, or FL_DECAP_PASSED. `*vip`: is it for a vip of ours?
static __always_inline __u32
check_inner(struct xdp_md* ctx, const struct tunnel* t, struct fl_l3* inner, int* vip) {
  const int status = fl_parse_l3(ctx, t->inner, t->type, inner);
  if (status != FL_PARSE_OK) return of_status(status);
  *vip = to_our_vip(ctx, inner);
  if (*vip < 0) {
    *vip = 0;
    return FL_DECAP_TRUNCATED;
  }
  return FL_DECAP_PASSED;
}

/// On a segment that floods, every backend's program sees a frame. Only the one that it is for may
/// pass it on: from the others it would come to backends that do not know it, and reset it.
static __always_inline int for_another_host(
    struct xdp_md* ctx, const struct fl_decap_settings* settings
) {
  const __u8* const frame = (void*)(long)ctx->data;
  if (!settings || !settings->own || frame + 6 > (const __u8*)(long)ctx->data_end) return 0;
  return ((__u64) * (const __u32*)frame | (__u64) * (const __u16*)(frame + 4) << 32) !=
         settings->own;
}

/// Unknown here, and another backend may know it: there it goes. Negative: it is ours after all.
static __always_inline int second_chance(
    struct xdp_md* ctx, const struct fl_l2* l2, struct tunnel* t, const struct fl_l3* inner
) {
  if (!t->hop.count) return -1;
  const __u32 first = 0;
  const struct fl_decap_settings* const settings = bpf_map_lookup_elem(&fl_decap_settings, &first);
  if (for_another_host(ctx, settings)) {
    count(FL_DECAP_HOP_OTHER_HOST, 0);
    return -1;
  }
  const int why = fl_ask_kernel(ctx, t->inner, inner);
  count((__u32)why, 0);
  if (why != FL_DECAP_HOP_UNKNOWN) return -1;
  if (t->hop.next >= t->hop.count) {
    count(FL_DECAP_HOP_LAST, 0);
    return -1;
  }
  t->hop.l3 = l2->bytes;
  const int wrong = fl_pass_on(ctx, &t->hop);
  if (wrong == FL_DECAP_HOP_SELF) {
    count(FL_DECAP_HOP_SELF, 0);
    return -1;
  }
  if (wrong) return count((__u32)wrong, XDP_DROP);
  struct bpf_fib_lookup fib = {};
  fl_address_frame(ctx, &t->hop, &fib);
  if (settings && settings->tx_ifindex)
    return count(FL_DECAP_PASSED_ON, (int)bpf_redirect(settings->tx_ifindex, 0));
  return count(FL_DECAP_PASSED_ON, XDP_TX);
}

/// All rules.
static __always_inline int decapsulate_the_long_way(struct xdp_md* ctx) {
  struct fl_l2 l2;
  struct fl_l3 outer = {};
  struct fl_l3 inner = {};
  struct tunnel t = {};
  if (fl_parse_l2((void*)(long)ctx->data, (void*)(long)ctx->data_end, &l2) != FL_PARSE_OK)
    return count(FL_DECAP_PASSED, XDP_PASS);
  if (fl_parse_l3(ctx, l2.bytes, l2.type, &outer) != FL_PARSE_OK)
    return count(FL_DECAP_PASSED, XDP_PASS);

  __u32 wrong = parse_tunnel(ctx, &outer, &t);
  if (!t.type) return count(FL_DECAP_PASSED, XDP_PASS);
  const __u32 source = fl_kind_of_source(&outer);
  int vip = 0;
  if (!wrong) wrong = check_inner(ctx, &t, &inner, &vip);
  if (!source) {
    if (vip) return count(FL_DECAP_FOREIGN_SOURCE, XDP_DROP);
    return count(FL_DECAP_PASSED, XDP_PASS);
  }
  if (wrong) return count(wrong, XDP_DROP);
  if (!vip) return count(FL_DECAP_FOREIGN_VIP, XDP_DROP);
  if (!fl_ipv4_header_is_sound(ctx, l2.bytes, &outer)) return count(FL_DECAP_MALFORMED, XDP_DROP);

  if (source == FL_SOURCE_BACKEND && !t.hop.next) return count(FL_DECAP_FOREIGN_HOP, XDP_DROP);
  if (fl_asks_in_vain(ctx, &inner)) return count(FL_DECAP_NO_LISTENER, XDP_DROP);
  const int passed_on = second_chance(ctx, &l2, &t, &inner);
  if (passed_on >= 0) return passed_on;

  const int ecn = fl_decapsulated_ecn(outer.ecn, inner.ecn);
  if (ecn < 0) return count(FL_DECAP_ECN_DROPPED, XDP_DROP);
  if (ecn != inner.ecn && fl_set_ecn(ctx, t.inner, inner.family, (__u8)ecn))
    return count(FL_DECAP_FAILED, XDP_DROP);
  if (ecn == FL_ECN_CE && inner.ecn != FL_ECN_CE) count(FL_DECAP_ECN_CE, 0);
  if (strip(ctx, &l2, &t)) return count(FL_DECAP_FAILED, XDP_DROP);
  return count(t.counter, XDP_PASS);
}

SEC("xdp")
int fl_decap(struct xdp_md* ctx) {
  const int verdict = fl_decapsulate_the_short_way(ctx);
  return verdict != FL_TAKE_THE_LONG_WAY ? verdict : decapsulate_the_long_way(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
