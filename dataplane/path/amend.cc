// SPDX-License-Identifier: BSD-3-Clause
// After the tunnel: outer headers as the configuration wants them (net/outer_policy.hh).
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {

void amend(WorkerContext& context, Burst& burst) {
  if (context.outer.usual()) [[likely]]
    return;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.verdict[i] != steer::Verdict::kForward || burst.vip[i] == nullptr) continue;
    if (burst.vip[i]->encapsulation == FL_ENCAP_L2) continue;
    const net::ParsedPacket packet = parsed_packet(burst, i);
    const std::uint32_t l3 = packet.l3_offset;
    const net::OuterChange change{
        .hash = burst.hash[i],
        .id = context.outer_id,
        .outer_bytes = burst.packet_bytes[i] - l3 - packet.ip_bytes,
    };
    const bool id_used =
        net::change_outer(burst.data[i] + l3, burst.length[i] - l3, context.outer, change);
    context.outer_id = static_cast<std::uint16_t>(context.outer_id + (id_used ? 1 : 0));
  }
}

}  // namespace fairlead::path
