// SPDX-License-Identifier: BSD-3-Clause
// Stage 3: packets of known flows get their flow's backend; the others go to `missed`.
#include "dataplane/path/flow_state.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {

void flow_lookup(WorkerContext& context, Burst& burst) {
  std::array<flow::Position, kBurstPackets> found;
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const unsigned i = burst.live[k];
    found[i] = context.flows.find(burst.hash[i]);
    if (found[i] == flow::kNoPosition) continue;
    const std::uint32_t number = context.flows.member(found[i]);
    if (number < context.table.member_count())
      __builtin_prefetch(&context.table.member(number), 0, 3);
  }

  unsigned missed = 0;
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const unsigned i = burst.live[k];
    burst.retried[i] = false;
    fl_vip_counters& vip = context.page->vips[burst.vip[i]->vip];
    if (found[i] != flow::kNoPosition && apply_packet(context, burst, i, found[i]) == Hit::kKept) {
      ++vip.hits;
      __builtin_prefetch(&context.page->backends[burst.chosen[i]->backend], 1, 3);
      continue;
    }
    ++vip.misses;
    burst.missed[missed++] = static_cast<std::uint8_t>(i);
  }
  burst.missed_count = missed;
  context.page->flow_hits += burst.live_count - missed;
  context.page->flow_misses += missed;
}

}  // namespace fairlead::path
