// SPDX-License-Identifier: BSD-3-Clause
// Stage 3 for plain packets: those of a confirmed flow that say nothing about its state are done
// with here. Whatever else a packet may be is left to flow_lookup(), whose state machine would
// decide the same for these.
#include "dataplane/net/lanes.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/quick_choice.hh"

namespace fairlead::path {
namespace {

static_assert(kBurstPackets == flow::FlowTable::ConfirmedFlows::kMost);

/// Bit i: the packet begins or ends a connection.
std::uint32_t speaking(const Burst& burst) {
  std::uint32_t out = 0;
  for (unsigned at = 0; at < burst.count; at += net::kLanes) {
    const net::Lanes flags = net::load_lanes(&burst.plain.l4[at]) &
                             std::uint32_t{net::kTcpSyn | net::kTcpFin | net::kTcpRst};
    out |= (net::bits_of(net::equal(flags, net::Lanes{})) ^ 0xffU) << at;
  }
  return out;
}

/// Bit i: a SYN, and no SYN-ACK.
std::uint32_t plain_syns(const Burst& burst) {
  constexpr std::uint32_t kLooked = 0xff00U | net::kTcpSyn | net::kTcpAck;
  constexpr std::uint32_t kWanted = std::uint32_t{net::kProtoTcp} << 8 | net::kTcpSyn;
  std::uint32_t out = 0;
  for (unsigned at = 0; at < burst.count; at += net::kLanes) {
    const net::Lanes info = net::load_lanes(&burst.plain.l4[at]) & kLooked;
    out |= net::bits_of(net::equal(info, net::all_lanes(kWanted))) << at;
  }
  return out;
}

/// What is the same for all packets of one vip.
struct Keeper {
  const fl_member* members;
  std::uint32_t member_count;
  std::uint32_t vip;
  flow::Tick now;
  flow::Tick longest_idle;  // beyond it the state machine has to look
};

/// Packet i stays with its confirmed flow, whose entry is `word`, last seen at `seen`, if that is
/// all there is to do.
inline bool keep(
    WorkerContext& context,
    Burst& burst,
    unsigned i,
    std::uint32_t word,
    flow::Tick& seen,
    const Keeper& keeper
) {
  const std::uint32_t number = word & FL_FLOW_MEMBER_MASK;
  if (number >= keeper.member_count) [[unlikely]]
    return false;
  const fl_member& member = keeper.members[number];
  const bool serves = (member.state == FL_MEMBER_ACTIVE) | (member.state == FL_MEMBER_DRAINING);
  if ((member.vip != keeper.vip) | !serves) [[unlikely]]
    return false;
  // One compare for most: what is not due to be noted is within every limit (flow::IdleLimits).
  const auto age = static_cast<flow::Tick>(keeper.now - seen);
  if (age >= FL_SEEN_STEP) [[unlikely]] {
    if (age > keeper.longest_idle) return false;
    flow::FlowTable::touch_confirmed(seen, keeper.now);
  }
  place(burst, i, number, member);
  __builtin_prefetch(&context.page->backends[member.backend], 1, 3);
  return true;
}

/// Packets that begin a flow which nobody knows, perhaps.
std::uint32_t beginning(const WorkerContext& context, const Burst& burst, std::uint32_t absent) {
  // Others may know it: stage inherit looks at parsed packets.
  if (absent == 0 || context.relatives.former != 0) return 0;
  return absent & plain_syns(burst);
}

/// New flows of a vip: flow_lookup() would find nothing. They remain as they are, eight at a time.
void leave_to_select(
    WorkerContext& context, Burst& burst, const fl_vip& vip, std::uint32_t packets
) {
  if (!has_quick_choice(vip)) return;
  for (std::uint32_t left = packets; left != 0; left &= left - 1)
    prefetch_slots(context.table, vip, burst.hash[static_cast<unsigned>(__builtin_ctz(left))]);
  burst.fresh |= packets;
  burst.beginning |= packets;
  burst.unknown |= packets;
  burst.missed |= packets;
  const auto count = static_cast<unsigned>(__builtin_popcount(packets));
  context.page->vips[vip.vip].misses += count;
  context.page->flow_misses += count;
}

/// The others go the whole way.
void leave_to_stages(Burst& burst, std::uint32_t packets) {
  if (packets == 0) return;
  for (std::uint32_t left = packets; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(left));
    net::describe(burst.plain, i, burst.parsed[i]);
  }
  // In order of arrival: a flow's SYN has to come before its ACK.
  for (unsigned k = 0; k < burst.live_count; ++k) packets |= 1U << burst.live[k];
  burst.live_count = 0;
  for (; packets != 0; packets &= packets - 1)
    burst.live[burst.live_count++] = static_cast<std::uint8_t>(__builtin_ctz(packets));
}

/// Packets `found`, whose entries are in `flows`.
void keep_all(
    WorkerContext& context,
    Burst& burst,
    flow::FlowTable::ConfirmedFlows& flows,
    std::uint32_t found
) {
  const steer::TableView& table = context.table;
  for (unsigned v = 0; v < burst.plain_vip_count; ++v) {
    const auto [vip, packets] = burst.plain_vips[v];
    // A QUIC packet's connection id may say otherwise than its flow.
    if ((vip->flags & FL_VIP_QUIC) != 0) continue;
    const Keeper keeper{
        table.members().data(),
        table.member_count(),
        vip->vip,
        flow::tick_of(context.now),
        vip->protocol == net::kProtoUdp ? context.limits.udp : flow::Tick{0xffff},
    };
    std::uint32_t kept = packets & found;
    for (std::uint32_t left = kept; left != 0; left &= left - 1) {
      const auto i = static_cast<unsigned>(__builtin_ctz(left));
      if (!keep(context, burst, i, flows.word[i], *flows.seen[i], keeper)) [[unlikely]]
        kept &= ~(1U << i);
    }
    burst.kept |= kept;
    context.page->vips[vip->vip].hits += static_cast<unsigned>(__builtin_popcount(kept));
  }
}

}  // namespace

void flow_lookup_plain(WorkerContext& context, Burst& burst) {
  burst.kept = burst.over6 = 0;
  burst.missed = burst.unknown = burst.beginning = burst.fresh = 0;
  if (burst.plain_vip_count == 0) return;
  const std::uint32_t quiet = ~speaking(burst);
  const std::uint64_t* const hash = burst.hash.data();
  flow::FlowTable::ConfirmedFlows flows;
  const std::uint32_t found = context.flows.find_confirmed(hash, burst.count, flows);
  keep_all(context, burst, flows, found & quiet);
  const std::uint32_t elsewhere = flows.elsewhere & burst.plain.any();
  if (elsewhere != 0)
    keep_all(context, burst, flows, context.flows.find_elsewhere(hash, elsewhere, flows) & quiet);
  const std::uint32_t begins = beginning(context, burst, flows.absent);
  std::uint32_t rest = 0;
  for (unsigned v = 0; v < burst.plain_vip_count; ++v) {
    const auto [vip, packets] = burst.plain_vips[v];
    for (std::uint32_t left = packets; left != 0; left &= left - 1)
      burst.vip[static_cast<unsigned>(__builtin_ctz(left))] = vip;
    rest |= packets & ~burst.kept;
    if ((packets & begins) != 0) leave_to_select(context, burst, *vip, packets & begins);
  }
  context.page->flow_hits += static_cast<unsigned>(__builtin_popcount(burst.kept));
  leave_to_stages(burst, rest & ~burst.fresh);
}

}  // namespace fairlead::path
