/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Maps of the agent's program and their lookups.
#ifndef FAIRLEAD_EBPF_DECAP_MAPS_H
#define FAIRLEAD_EBPF_DECAP_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "ebpf/include/counters.h"
#include "ebpf/include/decap_settings.h"
#include "ebpf/include/parse.h"
#include "ebpf/include/sources.h"

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, FL_SOURCE_MAX);
  __type(key, struct fl_source_key);
  __type(value, __u32);
} fl_sources SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, FL_DECAP_COUNTER_COUNT);
  __type(key, __u32);
  __type(value, __u64);
} fl_decap_count SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_decap_settings);
} fl_decap_settings SEC(".maps");

static __always_inline int count(__u32 counter, int verdict) {
  __u64* n = bpf_map_lookup_elem(&fl_decap_count, &counter);
  if (n) (*n)++;
  return verdict;
}

/// An enum fl_source_kind; 0: a stranger.
static __always_inline __u32 fl_kind_of_source(const struct fl_l3* outer) {
  struct fl_source_key key = {
      .prefix_bits = FL_SOURCE_FAMILY_BITS + (outer->family == 4 ? 32 : 128),
      .family = outer->family,
  };
  __builtin_memcpy(key.address, outer->source, sizeof key.address);
  const __u32* const kind = bpf_map_lookup_elem(&fl_sources, &key);
  return kind ? *kind : 0;
}

static __always_inline __u32 fl_kind_of_source4(__u32 address) {
  const struct fl_source_key key = {
      .prefix_bits = FL_SOURCE_FAMILY_BITS + 32, .family = 4, .address = {address}};
  const __u32* const kind = bpf_map_lookup_elem(&fl_sources, &key);
  return kind ? *kind : 0;
}

#endif
