// SPDX-License-Identifier: BSD-3-Clause
// Notes of packets and of decisions.
#include "dataplane/capture_tap.hh"

#include <algorithm>
#include <cstring>

#include <rte_mbuf.h>

#include "dataplane/path/candidates.hh"

namespace fairlead::dataplane {
namespace {

/// What the parser leaves out of a packet that it refuses, as far as it can be read: protocol and
/// ports. Without it `dport 80` would never match a packet whose TTL has expired.
void read_ports(const std::uint8_t* frame, std::uint32_t length, net::ParsedPacket& parsed) {
  net::FiveTuple& t = parsed.tuple;
  if (t.family == 0 || t.ports_raw != 0 || parsed.kind != net::PacketKind::kFlow) return;
  const std::uint8_t* const l3 = frame + parsed.l3_offset;
  const bool v4 = t.family == 4;
  if (length < parsed.l3_offset + (v4 ? 20U : 40U)) return;
  if (t.protocol == 0) t.protocol = v4 ? l3[9] : l3[6];
  const bool later_fragment = v4 && ((l3[6] & 0x1f) != 0 || l3[7] != 0);
  const std::uint32_t l4 = parsed.l3_offset + (v4 ? (l3[0] & 0xfU) * 4U : 40U);
  const bool has_ports = t.protocol == static_cast<std::uint8_t>(net::IpProto::kTcp) ||
                         t.protocol == static_cast<std::uint8_t>(net::IpProto::kUdp);
  if (!has_ports || later_fragment || length < l4 + 4) return;
  std::memcpy(&t.ports_raw, frame + l4, sizeof t.ports_raw);
}

/// What a flow that had to be decided had to choose from.
void note_candidates(const path::WorkerContext& context, const fl_vip& vip, SeenPath& path) {
  if (vip.table_size == 0) return;
  path::for_each_slot(vip, path.hash, [&](std::uint32_t c, std::uint32_t slot) {
    const fl_member& member = context.table.member(context.table.slot(vip, slot));
    path.candidates[c] = {slot, member.backend, member.state};
    path.candidate_count = static_cast<std::uint8_t>(c + 1);
  });
}

}  // namespace

void CaptureTap::received(
    unsigned k,
    const path::Burst& burst,
    std::span<rte_mbuf* const> packets,
    std::uint16_t port,
    base::Nanoseconds now
) {
  OfBurst& of = of_[k % of_.size()];
  of.meant = 0;
  of.now = now;
  of.port = port;
  of.packets = packets;
  for (unsigned i = 0; i < burst.count; ++i) {
    net::ParsedPacket parsed;
    (void)net::parse_packet({burst.data[i], burst.length[i]}, burst.packet_bytes[i], parsed);
    read_ports(burst.data[i], burst.length[i], parsed);
    if (!order_->filter.matches(parsed.tuple)) continue;
    of.meant |= 1U << i;
    of.tuples[i] = parsed.tuple;
    of.bytes[i] = burst.packet_bytes[i];
    if (wants(kSeenRx)) note(of, packets[i], kSeenRx, FL_REASON_NONE);
  }
}

void CaptureTap::decided(unsigned k, const path::WorkerContext& context, const path::Burst& burst) {
  current_ = &of_[k % of_.size()];
  for (unsigned i = 0; i < burst.count; ++i) {
    if ((current_->meant >> i & 1U) == 0 || burst.verdict[i] == steer::Verdict::kWait) continue;
    if (wants(kSeenPath)) note_path(context, burst, i);
    if (wants(kSeenDrop) && burst.verdict[i] == steer::Verdict::kDrop)
      note(*current_, current_->packets[i], kSeenDrop, burst.reason[i]);
  }
}

void CaptureTap::note_path(
    const path::WorkerContext& context, const path::Burst& burst, unsigned i
) {
  Note* const note = next_note();
  if (note == nullptr) return;
  note->at = current_->now;
  note->bytes = current_->bytes[i];
  note->kept = 0;
  note->port = current_->port;
  note->seen = kSeenPath;
  note->reason = burst.reason[i];
  SeenPath& path = note->path = SeenPath{};
  path.tuple = current_->tuples[i];
  path.verdict = burst.verdict[i];
  path.kind = path::parsed_packet(burst, i).kind;
  path.generation = context.table.generation();
  if (const fl_vip* const vip = burst.vip[i]; vip != nullptr) {
    const bool missed = (burst.missed >> i & 1U) != 0;
    path.vip = vip->vip;
    path.hash = burst.hash[i];
    path.encapsulation = vip->encapsulation;
    path.member = burst.member[i];
    path.backend = path.member == FL_NO_MEMBER ? 0 : burst.backend[i];
    path.known = !missed && path.member != FL_NO_MEMBER;
    if (!path.known) note_candidates(context, *vip, path);
  }
  path.out_bytes = path.verdict == steer::Verdict::kForward ? burst.packet_bytes[i] : 0;
  order_->ring.push();
}

/// Null: there is no room, or all that is wanted has been noted.
Note* CaptureTap::next_note() {
  if (order_->left == 0) return nullptr;
  Note* const note = order_->ring.next();
  if (note != nullptr) --order_->left;
  return note;
}

void CaptureTap::note_if(const rte_mbuf* packet, Seen seen, fl_reason reason) {
  if (!wants(seen)) return;
  const auto at = std::ranges::find(current_->packets, packet);
  const auto i = static_cast<unsigned>(at - current_->packets.begin());
  if ((current_->meant >> i & 1U) != 0) note(*current_, packet, seen, reason);
}

void CaptureTap::note(const OfBurst& of, const rte_mbuf* packet, Seen seen, fl_reason reason) {
  Note* const note = next_note();
  if (note == nullptr) return;
  note->at = of.now;
  note->bytes = packet->pkt_len;
  note->port = of.port;
  note->seen = seen;
  note->reason = reason;
  std::uint32_t kept = 0;
  for (const rte_mbuf* part = packet; part != nullptr && kept < kKeptBytes; part = part->next) {
    const auto bytes = std::min<std::uint32_t>(part->data_len, kKeptBytes - kept);
    std::copy_n(rte_pktmbuf_mtod(part, const std::uint8_t*), bytes, note->frame.data() + kept);
    kept += bytes;
  }
  note->kept = kept;
  order_->ring.push();
}

}  // namespace fairlead::dataplane
