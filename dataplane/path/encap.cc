// SPDX-License-Identifier: BSD-3-Clause
// Stage 5: outer headers, next hop, traffic counters.
#include "dataplane/net/encap.hh"

#include <cstring>

#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

bool is_zero4(const std::uint8_t* address) {
  return net::load32(address) == 0;
}
bool is_zero6(const std::uint8_t* address) {
  return (net::load64(address) | net::load64(address + 8)) == 0;
}

/// Node's outer source of the member's family; null: none configured.
const std::uint8_t* outer_source(const fl_bank& bank, std::uint8_t family) {
  if (family == 6) return is_zero6(bank.node_address6) ? nullptr : bank.node_address6;
  return is_zero4(bank.node_address4) ? nullptr : bank.node_address4;
}

/// The backend's MAC for L2 direct return: from the table, else as resolved; zero: unknown.
net::MacAddr backend_mac(const NextHops& hops, const fl_member& member) {
  net::MacAddr mac;
  std::memcpy(mac.bytes.data(), member.mac, sizeof member.mac);
  if (mac.is_zero() && member.backend < hops.backend_macs.size())
    mac = hops.backend_macs[member.backend];
  return mac;
}

/// L2 direct return: the packet stays as it is, only the addresses of the frame change.
void forward_l2(const WorkerContext& context, Burst& burst, unsigned i, const fl_member& member) {
  const net::ParsedPacket& packet = burst.parsed[i];
  if (packet.ip_bytes > context.hops.mtu) return drop(burst, i, FL_REASON_TOO_BIG);
  const net::MacAddr mac = backend_mac(context.hops, member);
  if (mac.is_zero()) return drop(burst, i, FL_REASON_NO_NEXT_HOP);
  std::uint8_t* const l3 = burst.data[i] + packet.l3_offset;
  net::decrement_ttl(l3, packet.tuple.family);
  net::write_ethernet(
      l3, burst.data[i], packet.vlan_tags, packet.tuple.family, mac, context.hops.own
  );
}

void forward_tunnel(
    const WorkerContext& context, Burst& burst, unsigned i, const fl_member& member, bool gue
) {
  const net::ParsedPacket& packet = burst.parsed[i];
  const unsigned outer = gue ? net::gue_bytes(member.family, 0) : net::ipip_bytes(member.family);
  if (packet.ip_bytes + outer > context.hops.mtu) return drop(burst, i, FL_REASON_TOO_BIG);
  if (burst.headroom[i] < outer) return drop(burst, i, FL_REASON_NO_HEADROOM);
  const std::uint8_t* const source = outer_source(context.table.bank(), member.family);
  if (source == nullptr) return drop(burst, i, FL_REASON_NO_SOURCE_ADDRESS);
  const net::MacAddr& next_hop = member.family == 6 ? context.hops.gateway6 : context.hops.gateway4;
  if (next_hop.is_zero()) return drop(burst, i, FL_REASON_NO_NEXT_HOP);

  std::uint8_t* const inner = burst.data[i] + packet.l3_offset;
  net::decrement_ttl(inner, packet.tuple.family);
  burst.data[i] = net::write_ethernet(
      inner - outer, burst.data[i], packet.vlan_tags, member.family, next_hop, context.hops.own
  );
  const net::Tunnel tunnel{
      .source = source,
      .destination = member.address,
      .inner_bytes = packet.ip_bytes,
      .hash = burst.hash[i],
      .family = member.family,
      .inner_family = packet.tuple.family,
      .traffic_class = packet.traffic_class,
  };
  if (gue) {
    net::write_gue(inner, tunnel);
  } else {
    net::write_ipip(inner, tunnel);
  }
  // The stated length counts: Ethernet padding behind the inner packet is cut off.
  burst.packet_bytes[i] = packet.l3_offset + outer + packet.ip_bytes;
  burst.length[i] = std::min(burst.length[i] + outer, burst.packet_bytes[i]);
  burst.headroom[i] -= outer;
}

void count_traffic(fl_worker_page& page, const Burst& burst, unsigned i) {
  const std::uint32_t bytes = burst.parsed[i].ip_bytes;
  fl_vip_counters& vip = page.vips[burst.vip[i]->vip];
  ++vip.packets;
  vip.bytes += bytes;
  fl_backend_counters& backend = page.backends[burst.backend[i]];
  ++backend.packets;
  backend.bytes += bytes;
}

}  // namespace

void encap(WorkerContext& context, Burst& burst) {
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const unsigned i = burst.live[k];
    const fl_member* const member = burst.chosen[i];
    if (member == nullptr) continue;  // dropped by select
    burst.backend[i] = member->backend;
    const std::uint8_t encapsulation = burst.vip[i]->encapsulation;
    if (encapsulation == FL_ENCAP_L2) {
      forward_l2(context, burst, i, *member);
    } else {
      forward_tunnel(context, burst, i, *member, encapsulation == FL_ENCAP_GUE);
    }
    if (burst.verdict[i] == steer::Verdict::kForward) count_traffic(*context.page, burst, i);
  }
}

}  // namespace fairlead::path
