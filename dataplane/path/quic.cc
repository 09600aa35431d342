// SPDX-License-Identifier: BSD-3-Clause
// From a connection id to a member.
#include "dataplane/path/quic.hh"

#include <algorithm>

#include "dataplane/net/quic.h"
#include "dataplane/net/wire.hh"

namespace fairlead::path {

std::uint32_t quic_member(const WorkerContext& context, const Burst& burst, unsigned i) {
  const fl_vip& vip = *burst.vip[i];
  if ((vip.flags & FL_VIP_QUIC) == 0) return FL_NO_MEMBER;  // so it is UDP
  const net::ParsedPacket& packet = burst.parsed[i];
  const std::uint32_t begin = packet.l4_offset + std::uint32_t{sizeof(net::UdpHeader)};
  const std::uint32_t end = std::min(burst.length[i], packet.l3_offset + packet.ip_bytes);
  if (begin >= end) return FL_NO_MEMBER;
  const std::uint8_t* const payload = burst.data[i] + begin;
  std::uint32_t id_bytes = 0;
  const std::uint32_t at = fl_quic_id_at(payload, end - begin, &id_bytes);
  std::uint8_t key[16];
  if (at == 0 || fl_quic_key(payload + at, id_bytes, vip.quic_id_bytes, key) == 0)
    return FL_NO_MEMBER;
  const std::uint32_t number = context.table.quic_member(vip, key);
  if (number == FL_NO_MEMBER || !context.table.serves(number, vip)) return FL_NO_MEMBER;
  const bool new_connection = (payload[0] & FL_QUIC_LONG) != 0;
  const bool active = context.table.member(number).state == FL_MEMBER_ACTIVE;
  return active || !new_connection ? number : FL_NO_MEMBER;
}

}  // namespace fairlead::path
