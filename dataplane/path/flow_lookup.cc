// SPDX-License-Identifier: BSD-3-Clause
// Stage 3: packets of known flows get their flow's backend; the others go to `missed`.
#include "dataplane/path/candidates.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/quick_choice.hh"

namespace fairlead::path {

namespace {

constexpr std::uint32_t kConfirmed = FL_FLOW_CONFIRMED << FL_FLOW_STATE_SHIFT;

/// What nearly all packets are: of a confirmed flow, and not saying anything about its state. Then
/// only the time is noted. Whatever else it may be is left to apply_packet(), which is the whole
/// state machine and would decide the same.
bool keep_quietly(
    WorkerContext& context, Burst& burst, unsigned i, flow::Position at, flow::Tick now
) {
  const std::uint32_t word = context.flows.word(at);
  const std::uint32_t number = word & FL_FLOW_MEMBER_MASK;
  if (number >= context.table.member_count()) return false;
  const fl_member& member = context.table.member(number);
  const net::ParsedPacket& packet = burst.parsed[i];
  const bool serves = (member.state == FL_MEMBER_ACTIVE) | (member.state == FL_MEMBER_DRAINING);
  const bool speaks = packet.tuple.protocol == net::kProtoTcp
                          ? (packet.tcp_flags & (net::kTcpSyn | net::kTcpFin | net::kTcpRst)) != 0
                          : (burst.vip[i]->flags & FL_VIP_QUIC) != 0 ||
                                context.flows.idle(at, now) > context.limits.udp;
  const bool quiet = ((word & FL_FLOW_STATE_MASK) == kConfirmed) &
                     (member.vip == burst.vip[i]->vip) & serves & !speaks;
  if (!quiet) return false;
  context.flows.touch(at, now);
  burst.member[i] = number;
  burst.chosen[i] = &member;
  return true;
}

void note_unknown(Burst& burst, unsigned i) {
  const net::ParsedPacket& packet = burst.parsed[i];
  const bool begins = packet.tuple.protocol == net::kProtoTcp &&
                      packet.kind == net::PacketKind::kFlow && is_plain_syn(packet.tcp_flags) &&
                      has_quick_choice(*burst.vip[i]);
  burst.unknown |= 1U << i;
  burst.beginning |= begins ? 1U << i : 0;
}

/// Hits and misses of one vip after the other: written when another's turn comes.
class VipHits {
 public:
  explicit VipHits(fl_worker_page& page) : page_(page) {}
  VipHits(const VipHits&) = delete;
  VipHits& operator=(const VipHits&) = delete;
  ~VipHits() { write(); }
  void add(const fl_vip* vip, bool hit) {
    if (vip != vip_) {
      write();
      vip_ = vip;
    }
    ++packets_;
    hits_ += hit ? 1 : 0;
  }

 private:
  void write() {
    if (vip_ == nullptr) return;
    page_.vips[vip_->vip].hits += hits_;
    page_.vips[vip_->vip].misses += packets_ - hits_;
    packets_ = hits_ = 0;
  }

  fl_worker_page& page_;
  const fl_vip* vip_ = nullptr;
  std::uint64_t packets_ = 0;
  std::uint64_t hits_ = 0;
};

}  // namespace

void flow_lookup(WorkerContext& context, Burst& burst) {
  if (burst.live_count == 0) return;
  std::array<flow::Position, kBurstPackets> found;
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const flow::Position at = context.flows.find(burst.hash[burst.live[k]]);
    found[k] = at;
    if (at == flow::kNoPosition) {
      note_unknown(burst, burst.live[k]);
      prefetch_slots(context.table, *burst.vip[burst.live[k]], burst.hash[burst.live[k]]);
      continue;
    }
    const std::uint32_t number = context.flows.member(at);
    if (number < context.table.member_count())
      __builtin_prefetch(&context.table.member(number), 0, 3);
  }

  const flow::Tick now = flow::tick_of(context.now);
  VipHits hits(*context.page);
  unsigned missed = 0;
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const unsigned i = burst.live[k];
    const flow::Position at = found[k];
    burst.retried[i] = false;
    const bool hit = at != flow::kNoPosition && (keep_quietly(context, burst, i, at, now) ||
                                                 apply_packet(context, burst, i, at) == Hit::kKept);
    hits.add(burst.vip[i], hit);
    if (hit) [[likely]] {
      __builtin_prefetch(&context.page->backends[burst.chosen[i]->backend], 1, 3);
      continue;
    }
    burst.member[i] = FL_NO_MEMBER;
    burst.chosen[i] = nullptr;
    burst.missed |= 1U << i;
    ++missed;
  }
  context.page->flow_hits += burst.live_count - missed;
  context.page->flow_misses += missed;
}

}  // namespace fairlead::path
