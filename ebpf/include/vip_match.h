/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The vips as XDP programs see them: the maps' layout (C++ and eBPF), and the lookup (eBPF).
///
/// Vips share few shapes (family, prefix length, exact or any port), so a lookup is one probe of a
/// hash map per shape, most specific first, as in steer/abi.h. The shapes sit in two banks: user
/// space fills the spare bank and flips `current`, so a program never sees a half-written list.
#ifndef FAIRLEAD_EBPF_VIP_MATCH_H
#define FAIRLEAD_EBPF_VIP_MATCH_H

#include "dataplane/steer/abi.h"

/// Protocol of the keys that say "some vip has this address": for packets without ports (later
/// fragments, ICMP).
#define FL_VIP_KEY_ADDRESS 0u

struct fl_vip_key {
  uint32_t address[4]; /* masked, as on the wire; IPv4 in the first word */
  uint8_t family;      /* 4 or 6 */
  uint8_t prefix_len;
  uint8_t protocol; /* 6, 17, or FL_VIP_KEY_ADDRESS */
  uint8_t any_port; /* 1: port is 0 and not compared */
  uint16_t port;    /* as on the wire */
  uint16_t reserved;
};
FL_STATIC_ASSERT(sizeof(struct fl_vip_key) == 24, "no padding in the hash key");

struct fl_vip_shape {
  struct fl_shape shape;
  uint32_t mask[4];
};

struct fl_vip_shapes {
  uint32_t current; /* bank in force: 0 or 1 */
  uint32_t count[2];
  uint32_t reserved;
  struct fl_vip_shape bank[2][FL_MAX_SHAPES];
};

/// Values: bits. A vip that leaves echo requests to the kernel says so at its address.
#define FL_VIP_SERVED 1u
#define FL_VIP_KERNEL_ECHOES 2u

/// Each vip has its own key and, once per prefix, an address key.
#define FL_VIP_MAP_ENTRIES (2u * FL_MAX_VIPS)

#ifdef __bpf__
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "ebpf/include/parse.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FL_VIP_MAP_ENTRIES);
  __type(key, struct fl_vip_key);
  __type(value, __u32);
} fl_vips SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_vip_shapes);
} fl_vip_shapes SEC(".maps");

struct fl_destination {
  __u32 address[4]; /* IPv4 in the first word, rest 0 */
  __u16 port;       /* as on the wire */
  __u8 family;
  __u8 protocol; /* FL_VIP_KEY_ADDRESS asks for the address alone */
};

/// Is there a vip for this destination? Its value, 0: none. A global function (Linux 5.12): the
/// verifier checks it once, by itself; inlined, its loop multiplies the states of every caller
/// beyond the limit.
__attribute__((noinline)) int fl_is_vip(const struct fl_destination* to) {
  const __u32 zero = 0;
  const struct fl_vip_shapes* shapes = bpf_map_lookup_elem(&fl_vip_shapes, &zero);
  if (!shapes || !to) return 0;
  const __u32 bank = *(const volatile __u32*)&shapes->current & 1u;
  const __u32 count = shapes->count[bank];

  for (__u32 i = 0; i < FL_MAX_SHAPES; i++) {
    if (i >= count) break;
    const struct fl_vip_shape* s = &shapes->bank[bank][i];
    if (s->shape.family != to->family) continue;
    struct fl_vip_key key = {};
    for (int w = 0; w < 4; w++) key.address[w] = to->address[w] & s->mask[w];
    key.family = to->family;
    key.prefix_len = s->shape.prefix_len;
    key.protocol = to->protocol;
    key.any_port = to->protocol == FL_VIP_KEY_ADDRESS ? 1 : s->shape.any_port;
    key.port = key.any_port ? 0 : to->port;
    const __u32* const value = bpf_map_lookup_elem(&fl_vips, &key);
    if (value) return (int)*value;
  }
  return 0;
}

static __always_inline int fl_goes_to_vip(const struct fl_l3* l3, __u8 protocol, __u16 port) {
  struct fl_destination to = {.port = port, .family = l3->family, .protocol = protocol};
  __builtin_memcpy(to.address, l3->destination, sizeof to.address);
  return fl_is_vip(&to);
}
#endif

#endif
