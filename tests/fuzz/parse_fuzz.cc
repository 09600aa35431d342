// SPDX-License-Identifier: BSD-3-Clause
// Any bytes through the parsers. Input: one byte of switches, then the frame.
//   bit 0  the IPv4 header checksum is made right first, so that what is behind it is reached
//   bit 1  the frame goes on in other segments: it is longer than what can be read
// Checked: nothing outside the frame is read (the frame fills its allocation; sanitizers watch),
// what is returned lies inside the packet, and the plain parser agrees with the careful one.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "dataplane/base/check.hh"
#include "dataplane/net/checksum.hh"
#include "dataplane/net/icmp_error.hh"
#include "dataplane/net/plain.hh"
#include "dataplane/net/quic.h"

namespace fairlead::net {
namespace {

constexpr std::size_t kLongest = 2048;

void repair_checksum(std::uint8_t* frame, std::size_t bytes) {
  std::size_t at = sizeof(EthernetHeader);
  while (bytes >= at + 4 && (frame[at - 2] == 0x81 || frame[at - 2] == 0x88)) at += sizeof(VlanTag);
  if (bytes < at + sizeof(Ipv4Header) || frame[at] >> 4 != 4) return;
  const std::size_t header = (frame[at] & 15U) * 4U;
  if (header < sizeof(Ipv4Header) || bytes < at + header) return;
  frame[at + 10] = frame[at + 11] = 0;
  const std::uint16_t checksum = ipv4_checksum(frame + at, static_cast<unsigned>(header));
  std::memcpy(frame + at + 10, &checksum, sizeof checksum);
}

void check(const ParsedPacket& packet, fl_reason reason, std::uint32_t frame_bytes) {
  FL_CHECK(reason < FL_REASON_COUNT);
  if (packet.tuple.family == 0) return;
  FL_CHECK(packet.tuple.family == 4 || packet.tuple.family == 6);
  FL_CHECK(packet.l3_offset + packet.ip_bytes <= frame_bytes);
  if (reason != FL_REASON_NONE) return;
  const bool later = packet.kind == PacketKind::kLaterFragment;
  FL_CHECK(packet.ttl > 1);
  FL_CHECK(later == (packet.tuple.ports_raw == 0));
  FL_CHECK(later == (packet.l4_offset == 0));
  FL_CHECK(later || packet.tuple.source_port() != 0);
  FL_CHECK(later || packet.tuple.destination_port() != 0);
  FL_CHECK(packet.l4_offset <= packet.l3_offset + packet.ip_bytes);
}

void compare(const ParsedPacket& plain, const ParsedPacket& careful) {
  FL_CHECK(plain.tuple == careful.tuple);
  FL_CHECK(plain.ip_bytes == careful.ip_bytes);
  FL_CHECK(plain.l4_offset == careful.l4_offset);
  FL_CHECK(plain.tcp_flags == careful.tcp_flags);
  FL_CHECK(plain.ttl == careful.ttl);
  FL_CHECK(careful.kind == PacketKind::kFlow);
}

void read_quic(const std::uint8_t* payload, std::uint32_t bytes) {
  static constexpr std::uint8_t kLengths[8] = {1, 2, 4, 8, 15, 0, 3, 0};
  std::uint32_t id_bytes = 0;
  const std::uint32_t at = fl_quic_id_at(payload, bytes, &id_bytes);
  if (at == 0) return;
  FL_CHECK(at + id_bytes <= bytes);
  std::uint8_t key[16];
  (void)fl_quic_key(payload + at, id_bytes, kLengths, key);
}

void run(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > kLongest) return;
  const std::size_t bytes = size - 1;
  const std::unique_ptr<std::uint8_t[]> frame(new std::uint8_t[bytes]);
  std::memcpy(frame.get(), data + 1, bytes);
  if ((data[0] & 1U) != 0) repair_checksum(frame.get(), bytes);
  const auto length = static_cast<std::uint32_t>(bytes);
  const std::uint32_t frame_bytes = length + ((data[0] & 2U) != 0 ? 3000U : 0U);

  ParsedPacket careful;
  const fl_reason reason = parse_packet({frame.get(), bytes}, frame_bytes, careful);
  check(careful, reason, frame_bytes);
  std::uint8_t* const lanes[kLanes] = {frame.get()};
  const std::uint32_t lengths[kLanes] = {length};
  const std::uint32_t frame_lengths[kLanes] = {frame_bytes};
  PlainPackets plain{};
  parse_plain(lanes, lengths, frame_lengths, 1, 0, plain);
  if (plain.any() != 0) {
    FL_CHECK(plain.any() == 1);
    FL_CHECK(reason == FL_REASON_NONE);
    ParsedPacket described;
    describe(plain, 0, described);
    compare(described, careful);
  }
  FiveTuple outer;
  outer.family = (data[0] & 4U) != 0 ? 6 : 4;
  FiveTuple flow;
  (void)parse_icmp_error({frame.get(), bytes}, outer, flow);
  read_quic(frame.get(), length);
}

}  // namespace
}  // namespace fairlead::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fairlead::net::run(data, size);
  return 0;
}
