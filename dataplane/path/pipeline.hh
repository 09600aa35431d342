// SPDX-License-Identifier: BSD-3-Clause
// The stages in order. The only place that lists them.
#pragma once

#include <array>

#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"

namespace fairlead::path {

enum class Parsing : std::uint8_t {
  kPlainFirst,
  kCareful,  // every packet by itself
};

/// Takes a burst from received frames to frames ready to send: parse, classify, flow lookup,
/// select, encapsulate, answer. Sets verdict and reason of every packet (see Burst), writes outer
/// headers in place, updates flows and all counters of the page except rx_*, tx_*, bursts, cycles
/// and latency, which belong to the caller. `punted`, `punts[]` and `drops[]` are counted here.
/// Within a burst packets of known flows may overtake others: they do not see that a FIN or RST
/// came just before.
///
/// In two halves: begin_burst() asks the cache for the flows' buckets, finish_burst() reads them. A
/// worker that has more to do begins the next burst, of the same port and table, before it
/// finishes this one, so that the buckets arrive while it works. Beside one after the other, per
/// packet: docs/performance.md. More than one burst ahead is more than a core can ask for at once.
/// Worker thread only. No allocation, lock, system call, log or exception; bounded time.
void begin_burst(WorkerContext& context, Burst& burst, Parsing parsing = Parsing::kPlainFirst);
void finish_burst(WorkerContext& context, Burst& burst);
/// Both.
inline void run_pipeline(WorkerContext& context, Burst& burst) {
  begin_burst(context, burst);
  finish_burst(context, burst);
}
/// The same with every packet by itself, as if none were plain: the definition, for tests.
void run_carefully(WorkerContext& context, Burst& burst);

/// What a worker takes from a queue before it looks after other things.
inline constexpr unsigned kBurstsInTurn = 4;
inline constexpr unsigned kPacketsInTurn = kBurstsInTurn * kBurstPackets;

/// Calls load(burst, k) and passed(burst, k) for each of `count` bursts in turn, before and after
/// their way through the stages; the next begins before one is finished.
template <typename Load, typename Passed>
void run_bursts(
    WorkerContext& context,
    std::array<Burst, 2>& bursts,
    unsigned count,
    const Load& load,
    const Passed& passed
) {
  for (unsigned k = 0; k < count + 1; ++k) {
    Burst& next = bursts[k % 2];
    if (k < count) {
      load(next, k);
      begin_burst(context, next);
    }
    if (k == 0) continue;
    Burst& begun = bursts[(k - 1) % 2];
    finish_burst(context, begun);
    passed(begun, k - 1);
  }
}

/// What has to happen without packets too: advances the expiry of flows. run_pipeline() includes
/// it; an idle worker calls it each time it looks for packets.
void maintain(WorkerContext& context);

/// Another worker has inherited the flow with this hash: its entry here goes, if it is still that
/// member's. Worker thread, or whoever owns the table.
void hand_over(WorkerContext& context, const Inheritance& inherited);
/// What flow_lookup() and select() do, for one packet that came aside. Sets chosen[i], or drops.
/// Requires: vip[i] and hash[i] are set.
void place_by_flow(WorkerContext& context, Burst& burst, unsigned i);

// --- the stages, one file each; called in this order ---
//
// Nearly all packets are *plain* (net/plain.hh). These are handled eight at a time, in a file of
// their own per stage (..._plain), as far as there is nothing special about them; then they join
// `live`, the list of those that are handled one by one. Both ways come to the same result:
// tests/unit/dataplane/path/plain_test.cc sends every burst both ways.

/// Fills burst.plain and, for the others, burst.parsed; sets verdict and reason; `live` holds what
/// may be a vip's and is not plain.
void parse(WorkerContext& context, Burst& burst, Parsing parsing);
/// Finds each packet's vip and flow hash; asks the cache for its flow bucket.
void classify_plain(WorkerContext& context, Burst& burst);
void classify(WorkerContext& context, Burst& burst);
/// Plain packets of confirmed flows get their flow's backend: `kept`. The rest joins `live`.
void flow_lookup_plain(WorkerContext& context, Burst& burst);
/// Known flows: backend and state. The others go to `missed`.
void flow_lookup(WorkerContext& context, Burst& burst);
/// Unknown flows that another worker knows, while context.relatives says so.
void inherit(WorkerContext& context, Burst& burst);
/// Unknown flows: candidates, scores, insertion.
void select(WorkerContext& context, Burst& burst);
/// Fragments and ICMP errors: backend, or wait. (path/aside.hh has more to say.)
void aside(WorkerContext& context, Burst& burst);
/// SYNs of vips that limit it: a smaller MSS.
void clamp_mss(WorkerContext& context, Burst& burst);
/// Outer headers, next hop, traffic counters. Of `kept` what cannot be sent in a tunnel joins
/// `live`.
void encap_plain(WorkerContext& context, Burst& burst);
void encap(WorkerContext& context, Burst& burst);
/// Outer headers that are not as encap() writes them: another TTL, DSCP, DF, source, UDP checksum.
void amend(WorkerContext& context, Burst& burst);
/// Drops whose sender is told, and echo requests: the packet becomes the answer.
void answer(WorkerContext& context, Burst& burst);

}  // namespace fairlead::path
