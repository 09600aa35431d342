// SPDX-License-Identifier: BSD-3-Clause
// Before the tunnel: SYNs offer no larger segments than the vip allows (fl_vip.mss).
#include "dataplane/net/mss.hh"
#include "dataplane/path/outer_room.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

std::uint32_t allowed_mss(const WorkerContext& context, const Burst& burst, unsigned i) {
  const fl_vip& vip = *burst.vip[i];
  if (vip.mss != FL_MSS_AUTO) return vip.mss;
  const unsigned ip = vip.family == 6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
  const unsigned taken = outer_room(vip, burst.chosen[i]->family) + tag_bytes(burst.parsed[i]) +
                         ip + static_cast<unsigned>(sizeof(net::TcpHeader));
  return std::max(context.hops.mtu, taken + net::kLeastMss) - taken;
}

}  // namespace

void clamp_mss(WorkerContext& context, Burst& burst) {
  if (!context.clamps_mss) [[likely]]
    return;
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const unsigned i = burst.live[k];
    const net::ParsedPacket& packet = burst.parsed[i];
    const bool syn = (packet.tcp_flags & net::kTcpSyn) != 0;
    if (!syn || burst.vip[i]->mss == 0 || burst.chosen[i] == nullptr) continue;
    const std::span<std::uint8_t> tcp(
        burst.data[i] + packet.l4_offset, burst.length[i] - packet.l4_offset
    );
    if (net::clamp_mss(tcp, allowed_mss(context, burst, i))) ++context.page->mss_clamped;
  }
}

}  // namespace fairlead::path
