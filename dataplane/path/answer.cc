// SPDX-License-Identifier: BSD-3-Clause
// Stage 6: packets whose sender is told why they end here, and echo requests. The buffer of the
// packet becomes the frame that goes back.
#include <algorithm>
#include <cstring>

#include "dataplane/net/icmp.hh"
#include "dataplane/path/new_flow_meter.hh"
#include "dataplane/path/outer_room.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

/// RFC 1122 3.2.2, RFC 4443 2.4 (e): no ICMP error about an ICMP error, a fragment other than the
/// first, or a frame that went to many. (Sources that are no single host were dropped as martian.)
bool may_be_told(const Burst& burst, unsigned i) {
  const net::PacketKind kind = burst.parsed[i].kind;
  return kind != net::PacketKind::kLaterFragment && kind != net::PacketKind::kIcmpError &&
         (burst.data[i][0] & 1U) == 0;
}

/// What the message comes from: the vip, whose address the client knows and its filters let
/// through, or the node.
const std::uint8_t* source_of(
    const fl_bank& bank, const std::uint8_t* packet, std::uint8_t family
) {
  const bool from_node = (bank.outer_flags & FL_ICMP_FROM_NODE) != 0;
  if (family == 6)
    return from_node ? bank.node_address6 : net::header_at<net::Ipv6Header>(packet)->destination;
  return from_node ? bank.node_address4 : net::header_at<net::Ipv4Header>(packet)->destination;
}

void send(Burst& burst, unsigned i, std::uint8_t* frame, std::uint32_t bytes, std::uint32_t grown) {
  burst.data[i] = frame;
  burst.packet_bytes[i] = burst.length[i] = bytes;
  burst.headroom[i] -= grown;
  burst.verdict[i] = steer::Verdict::kAnswer;
}

void tell_too_big(WorkerContext& context, Burst& burst, unsigned i) {
  const fl_bank& bank = context.table.bank();
  const net::ParsedPacket& packet = burst.parsed[i];
  const std::uint8_t family = packet.tuple.family;
  const unsigned headers = net::too_big_bytes(family);
  if (bank.icmp_error_limit == 0 || !may_be_told(burst, i) || burst.headroom[i] < headers) return;
  refill(context.icmp_errors, bank.icmp_error_limit, context.now);
  if (!take_credit(context.icmp_errors, bank.icmp_error_limit))
    return drop(burst, i, FL_REASON_ICMP_LIMIT);
  std::uint8_t* const at = burst.data[i] + packet.l3_offset;
  std::uint8_t source[16];
  std::memcpy(source, source_of(bank, at, family), family == 6 ? 16 : 4);
  const std::uint32_t readable =
      std::min<std::uint32_t>(burst.length[i] - packet.l3_offset, packet.ip_bytes);
  std::uint8_t* const frame =
      net::write_ethernet_back(at - headers, burst.data[i], packet.vlan_tags, context.hops.own);
  const std::uint32_t mtu = told_mtu(context, burst, i);
  const unsigned bytes = net::write_too_big(at, readable, {source, mtu, family});
  send(burst, i, frame, packet.l3_offset + bytes, headers);
}

void reply_to_echo(WorkerContext& context, Burst& burst, unsigned i) {
  const fl_bank& bank = context.table.bank();
  const net::ParsedPacket& packet = burst.parsed[i];
  if (bank.icmp_echo_limit == 0 || (burst.data[i][0] & 1U) != 0) return;
  if (net::is_martian(packet.tuple)) return drop(burst, i, FL_REASON_MARTIAN_SOURCE);
  refill(context.icmp_echoes, bank.icmp_echo_limit, context.now);
  if (!take_credit(context.icmp_echoes, bank.icmp_echo_limit))
    return drop(burst, i, FL_REASON_ICMP_LIMIT);
  std::uint8_t* const at = burst.data[i] + packet.l3_offset;
  net::write_ethernet_back(at, burst.data[i], packet.vlan_tags, context.hops.own);
  net::write_echo_reply(at, packet.tuple.family);
  burst.verdict[i] = steer::Verdict::kAnswer;
}

}  // namespace

void answer(WorkerContext& context, Burst& burst) {
  for (unsigned k = 0; k < burst.answer_count; ++k) {
    const unsigned i = burst.answers[k];
    if (burst.reason[i] == FL_REASON_TOO_BIG) tell_too_big(context, burst, i);
    if (burst.reason[i] == FL_REASON_ECHO) reply_to_echo(context, burst, i);
  }
}

}  // namespace fairlead::path
