/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Generic UDP Encapsulation as Fairlead sends it: variant 0 (draft-ietf-intarea-gue) with the hop
/// list that GLB published, so that its redirect module understands it. C: shared with eBPF.
///
///   byte 0      version 0 (2 bits), control 0 (1 bit), hlen (5 bits): 4-byte words after byte 3
///   byte 1      protocol of the inner packet: 4 or 41
///   bytes 2-3   flags, 0
///   byte 4-5    private data type, 0: hops are IPv4 addresses; 1: IPv6 (ours, not published by
///   GLB) byte 6      next_hop: index of the hop to try next byte 7      hop_count byte 8...
///   hop_count addresses: where to go on if the outer destination does not know the
///               connection. The outer destination itself is not in the list.
///
/// hlen = 1 + hop_count (IPv4) or 1 + 4 * hop_count (IPv6). A receiver that wants only the inner
/// packet skips 4 + 4 * hlen bytes. Towards IPv4 the list is always there, mostly empty; towards
/// IPv6 an empty list is left out (hlen 0, byte 3 is the last). docs/wire-format.md says when a
/// packet has hops.
#ifndef FAIRLEAD_NET_GUE_H
#define FAIRLEAD_NET_GUE_H

#include <stdint.h>

#define FL_GUE_PORT 19523u
#define FL_GUE_BASE_BYTES 4u
#define FL_GUE_PRIVATE_BYTES 4u
#define FL_GUE_HOP_BYTES 4u
#define FL_GUE_HOP6_BYTES 16u
#define FL_GUE_MAX_HOPS 23u /* all others of a small pool (reserves.h); 128 bytes in all */
#define FL_GUE_MAX_HOPS6 7u /* four backends and who had their slots before; hlen's room */
#define FL_GUE_VERSION_CONTROL_MASK 0xe0u
#define FL_GUE_HLEN_MASK 0x1fu
#define FL_GUE_PRIVATE_HOPS 0u
#define FL_GUE_PRIVATE_HOPS6 1u

struct fl_gue_header {
  uint8_t version_hlen;
  uint8_t protocol;
  uint8_t flags[2];
};

struct fl_gue_hops {
  uint8_t type[2]; /* network order; FL_GUE_PRIVATE_HOPS, FL_GUE_PRIVATE_HOPS6 */
  uint8_t next_hop;
  uint8_t hop_count;
};

/// Bytes from the start of the GUE header to the inner packet.
static inline uint32_t fl_gue_bytes(uint8_t version_hlen) {
  return FL_GUE_BASE_BYTES + 4u * (version_hlen & FL_GUE_HLEN_MASK);
}

/// Source port of the outer UDP header (host order): the flow's entropy, in the dynamic range.
static inline uint16_t fl_gue_source_port(uint64_t hash) {
  return (uint16_t)(0x8000u | ((uint32_t)(hash >> 17) & 0x7fffu));
}

/// Flow label of an outer IPv6 header (RFC 6438): 20 bits.
static inline uint32_t fl_outer_flow_label(uint64_t hash) {
  return (uint32_t)(hash >> 12) & 0xfffffu;
}

#endif
