// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/path/underlay.hh"

#include <algorithm>
#include <cstring>

#include "dataplane/net/encap.hh"
#include "dataplane/net/wire.hh"
#include "dataplane/path/outer_room.hh"

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
  if (family == 6) return is_zero6(bank.outer_source6) ? nullptr : bank.outer_source6;
  return is_zero4(bank.outer_source4) ? nullptr : bank.outer_source4;
}

}  // namespace

net::MacAddr backend_mac(const NextHops& hops, const fl_member& member) {
  net::MacAddr mac;
  std::memcpy(mac.bytes.data(), member.mac, sizeof member.mac);
  if (mac.is_zero() && member.backend < hops.backend_macs.size())
    mac = hops.backend_macs[member.backend];
  return mac;
}

bool can_be_sent(const WorkerContext& context, const Burst& burst, unsigned i) {
  const fl_member& member = *burst.chosen[i];
  const unsigned sized = tag_bytes(burst.parsed[i]) + burst.parsed[i].ip_bytes;
  const std::uint8_t encapsulation = burst.vip[i]->encapsulation;
  if (encapsulation == FL_ENCAP_L2)
    return sized <= context.hops.mtu && !backend_mac(context.hops, member).is_zero();
  const unsigned outer = encapsulation == FL_ENCAP_GUE ? net::gue_bytes(member.family, 0)
                                                       : net::ipip_bytes(member.family);
  return sized + outer <= underlay_of(context, member.family).largest && outer <= burst.headroom[i];
}

Underlay underlay_of(const WorkerContext& context, std::uint8_t family) {
  const net::MacAddr& next_hop = gateway(context.hops, family);
  Underlay out;
  out.source = outer_source(context.table.bank(), family);
  out.largest = out.source == nullptr || next_hop.is_zero() ? 0 : context.hops.mtu;
  net::EthernetHeader header{};
  std::copy(next_hop.bytes.begin(), next_hop.bytes.end(), header.destination);
  std::copy(context.hops.own.bytes.begin(), context.hops.own.bytes.end(), header.source);
  header.type = family == 6 ? net::kEtherIpv6 : net::kEtherIpv4;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  out.ethernet[0] = net::load64(bytes);
  out.ethernet[1] = net::load64(bytes + sizeof header - 8);
  return out;
}

}  // namespace fairlead::path
