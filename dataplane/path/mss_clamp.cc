// SPDX-License-Identifier: BSD-3-Clause
// Before the tunnel: SYNs offer no larger segments than the vip allows (fl_vip.mss).
#include "dataplane/net/mss.hh"
#include "dataplane/path/outer_room.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

std::uint32_t allowed_mss(
    const WorkerContext& context, const Burst& burst, unsigned i, const net::ParsedPacket& packet
) {
  const fl_vip& vip = *burst.vip[i];
  if (vip.mss != FL_MSS_AUTO) return vip.mss;
  const unsigned ip = vip.family == 6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
  const unsigned taken = outer_room(vip, burst.chosen[i]->family) + tag_bytes(packet) + ip +
                         static_cast<unsigned>(sizeof(net::TcpHeader));
  return std::max(context.hops.mtu, taken + net::kLeastMss) - taken;
}

}  // namespace

void clamp_mss(WorkerContext& context, Burst& burst) {
  if (!context.clamps_mss) [[likely]]
    return;
  std::uint32_t syns = burst.beginning;
  for (unsigned k = 0; k < burst.live_count; ++k) syns |= 1U << burst.live[k];
  for (; syns != 0; syns &= syns - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(syns));
    const net::ParsedPacket packet = parsed_packet(burst, i);
    const bool syn = (packet.tcp_flags & net::kTcpSyn) != 0;
    if (!syn || burst.vip[i]->mss == 0 || burst.chosen[i] == nullptr) continue;
    const std::span<std::uint8_t> tcp(
        burst.data[i] + packet.l4_offset, burst.length[i] - packet.l4_offset
    );
    if (net::clamp_mss(tcp, allowed_mss(context, burst, i, packet))) ++context.page->mss_clamped;
  }
}

}  // namespace fairlead::path
