// SPDX-License-Identifier: BSD-3-Clause
// Stage 3 for plain packets: those of a confirmed flow that say nothing about its state are done
// with here. Whatever else a packet may be is left to flow_lookup(), whose state machine would
// decide the same for these.
#include "dataplane/net/lanes.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

static_assert(kBurstPackets == flow::FlowTable::ConfirmedFlows::kMost);

constexpr std::uint8_t kUdp = static_cast<std::uint8_t>(net::IpProto::kUdp);

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
  const auto idle = static_cast<flow::Tick>(keeper.now - seen);
  if ((member.vip != keeper.vip) | !serves | (idle > keeper.longest_idle)) [[unlikely]]
    return false;
  if (idle != 0) seen = keeper.now;
  burst.member[i] = number;
  burst.chosen[i] = &member;
  burst.backend[i] = member.backend;
  burst.outer4[i] = net::load32(member.address);
  if (member.family == 6) burst.over6 |= 1U << i;
  __builtin_prefetch(&context.page->backends[member.backend], 1, 3);
  return true;
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

}  // namespace

void flow_lookup_plain(WorkerContext& context, Burst& burst) {
  burst.kept = burst.over6 = 0;
  if (burst.plain_vip_count == 0) return;
  const std::uint32_t quiet = ~speaking(burst) & burst.plain.any();
  flow::FlowTable::ConfirmedFlows flows;
  const std::uint32_t found =
      quiet == 0 ? 0 : context.flows.find_confirmed(burst.hash.data(), burst.count, flows) & quiet;
  const flow::Tick now = flow::tick_of(context.now);
  const steer::TableView& table = context.table;
  std::uint32_t rest = 0;
  for (unsigned v = 0; v < burst.plain_vip_count; ++v) {
    const auto [vip, packets] = burst.plain_vips[v];
    const Keeper keeper{
        table.members().data(),
        table.member_count(),
        vip->vip,
        now,
        vip->protocol == kUdp ? context.limits.udp : flow::Tick{0xffff},
    };
    // A QUIC packet's connection id may say otherwise than its flow.
    const std::uint32_t may_be_kept = (vip->flags & FL_VIP_QUIC) != 0 ? 0 : found;
    std::uint32_t other = packets & ~may_be_kept;
    for (std::uint32_t left = packets & may_be_kept; left != 0; left &= left - 1) {
      const auto i = static_cast<unsigned>(__builtin_ctz(left));
      if (!keep(context, burst, i, flows.word[i], *flows.seen[i], keeper)) [[unlikely]]
        other |= left & -left;
    }
    for (std::uint32_t left = packets; left != 0; left &= left - 1)
      burst.vip[static_cast<unsigned>(__builtin_ctz(left))] = vip;
    burst.kept |= packets & ~other;
    rest |= other;
    context.page->vips[vip->vip].hits +=
        static_cast<unsigned>(__builtin_popcount(packets & ~other));
  }
  context.page->flow_hits += static_cast<unsigned>(__builtin_popcount(burst.kept));
  leave_to_stages(burst, rest);
}

}  // namespace fairlead::path
