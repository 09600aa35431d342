// SPDX-License-Identifier: BSD-3-Clause
// The stages in order. The only place that lists them.
#pragma once

#include <span>

#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"

namespace fairlead::path {

/// A worker with that much to do takes two bursts through the stages side by side: while one is
/// worked at, the other's flow buckets are on their way. Beside one by one, per packet: 10 k flows
/// as fast, 1 M 18.6 to 14.5 ns, 10 M 22.3 to 17.4. Four gained nothing more.
inline constexpr unsigned kBurstsTogether = 2;
inline constexpr unsigned kPacketsTogether = kBurstsTogether * kBurstPackets;

/// Takes bursts from received frames to frames ready to send: parse, classify, flow lookup,
/// select, encapsulate, answer. Sets verdict and reason of every packet (see Burst), writes outer
/// headers in place, updates flows and all counters of the page except rx_*, tx_*, bursts, cycles
/// and latency, which belong to the caller. `punted`, `punts[]` and `drops[]` are counted here.
/// Of several bursts the ends are as if they had come one after the other, except that packets of
/// known flows may overtake others, as they may in one burst: they do not see that a FIN or RST
/// came just before. Requires: at most kBurstsTogether, of one port.
/// Worker thread only. No allocation, lock, system call, log or exception; bounded time.
void run_pipeline(WorkerContext& context, std::span<Burst> bursts);
inline void run_pipeline(WorkerContext& context, Burst& burst) {
  run_pipeline(context, std::span(&burst, 1));
}
/// The same with every packet by itself, as if none were plain: the definition, for tests.
void run_carefully(WorkerContext& context, Burst& burst);

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

enum class Parsing : std::uint8_t {
  kPlainFirst,
  kCareful,  // every packet by itself
};

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
