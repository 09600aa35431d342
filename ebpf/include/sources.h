/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Key of the decapsulator's map of trusted outer sources: a longest-prefix-match trie.
#ifndef FAIRLEAD_EBPF_SOURCES_H
#define FAIRLEAD_EBPF_SOURCES_H

#include <stdint.h>

struct fl_source_key {
  uint32_t prefix_bits; /* of what follows: FL_SOURCE_FAMILY_BITS + prefix length */
  uint32_t family;      /* 4 or 6 */
  uint32_t address[4];  /* as on the wire */
};
/// Value: what the source may send.
enum fl_source_kind {
  FL_SOURCE_NODE = 1,
  FL_SOURCE_BACKEND = 2, /* second chances only: GUE whose next_hop is not 0 */
};
#define FL_SOURCE_FAMILY_BITS 32u
#define FL_SOURCE_MAX 1024u

#endif
