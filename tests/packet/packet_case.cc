// SPDX-License-Identifier: BSD-3-Clause
// The world of the packet table.
#include "tests/packet/packet_case.hh"

#include <cctype>

#include "dataplane/net/five_tuple.hh"
#include "dataplane/net/gue.h"
#include "dataplane/steer/flow_hash.h"

namespace fairlead::packet_table {
namespace {

using net::IpProto;
using testing::TestMember;
using testing::TestVip;

TestVip vip(
    const char* prefix,
    IpProto protocol,
    std::uint16_t port,
    std::uint8_t encapsulation,
    std::vector<TestMember> members
) {
  return {
      .prefix = prefix,
      .protocol = protocol,
      .port = port,
      .encapsulation = encapsulation,
      .members = std::move(members)};
}

TestVip pair(const char* address, IpProto protocol, std::uint16_t port, const World& world) {
  TestVip out =
      vip(address,
          protocol,
          port,
          FL_ENCAP_IPIP,
          {{.address = kBackend4, .state = world.first, .backend = 0},
           {.address = kSecond4, .state = world.second, .backend = 1}});
  out.choices = world.pair_choices;
  if (world.only_node) out.flags |= FL_VIP_ONLY_NODE;
  out.slots = world.pair_slots;
  return out;
}

/// The same two backends; their server ids have 2 bytes in configuration 0, 4 in configuration 5.
TestVip quic(const char* address, const World& world) {
  TestVip out = pair(address, IpProto::kUdp, 443, world);
  out.quic = {
      {0, {0xa0, 0x01}, 0},
      {0, {0xa0, 0x02}, 1},
      {5, {10, 0, 0, 1}, 0},
      {5, {10, 0, 0, 2}, 1},
  };
  return out;
}

TestVip gue_pair(const char* address, std::vector<TestMember> members, const World& world) {
  TestVip out = vip(address, IpProto::kTcp, 80, FL_ENCAP_GUE, std::move(members));
  out.slots = world.gue_slots;
  out.earlier = world.gue_earlier;
  return out;
}

TestVip gue_many(const char* address, const std::string& network, const World& world) {
  TestVip out = vip(address, IpProto::kTcp, 80, FL_ENCAP_GUE, {});
  for (std::uint32_t i = 0; i < world.many_members; ++i) {
    out.members.push_back({.address = network + std::to_string(i), .backend = 6 + i});
    out.slots.push_back(i);
  }
  out.earlier = world.many_earlier;
  out.earlier.resize(world.many_members);
  out.choices = world.many_choices;
  out.mss = world.mss;
  return out;
}

}  // namespace

std::uint64_t flow_hash(
    IpProto protocol,
    const char* source,
    std::uint16_t source_port,
    const char* destination,
    std::uint16_t destination_port
) {
  const net::FiveTuple t = net::make_tuple(
      protocol,
      net::IpAddr::parse(source).value(),
      source_port,
      net::IpAddr::parse(destination).value(),
      destination_port
  );
  if (t.family == 4)
    return fl_flow_hash4(testing::kTestKey, t.addresses4(), t.ports_raw, t.protocol);
  const std::uint64_t addresses[4] = {t.source[0], t.source[1], t.destination[0], t.destination[1]};
  return fl_flow_hash6(testing::kTestKey, addresses, t.ports_raw, t.protocol);
}

testing::TestTable world_table(const World& world) {
  const TestMember b4{.address = kBackend4, .backend = 0};
  const TestMember second4{.address = kSecond4, .backend = 1};
  const TestMember b6{.address = kBackend6, .backend = 2};
  const TestMember second6{.address = kSecond6, .backend = 5};
  const TestMember l2{.address = kBackend4, .backend = 3, .mac = kBackendMac};
  const TestMember no_mac{.address = kBackend4, .backend = 4};
  testing::TestTable table;
  table.vips = {
      vip(kIpip4, IpProto::kTcp, 80, FL_ENCAP_IPIP, {b4}),
      vip(kIpip4, IpProto::kUdp, 53, FL_ENCAP_IPIP, {b4}),
      vip(kIpip4to6, IpProto::kTcp, 80, FL_ENCAP_IPIP, {b6}),
      vip(kGue4, IpProto::kTcp, 80, FL_ENCAP_GUE, {b4}),
      vip(kGue4, IpProto::kUdp, 53, FL_ENCAP_GUE, {b4}),
      vip(kGue4to6, IpProto::kTcp, 80, FL_ENCAP_GUE, {b6}),
      vip(kL2v4, IpProto::kTcp, 80, FL_ENCAP_L2, {l2}),
      vip(kL2v4, IpProto::kUdp, 53, FL_ENCAP_L2, {l2}),
      vip(kL2NoMac, IpProto::kTcp, 80, FL_ENCAP_L2, {no_mac}),
      vip(kEmpty, IpProto::kTcp, 80, FL_ENCAP_IPIP, {}),
      vip(kAnyPort, IpProto::kTcp, 0, FL_ENCAP_IPIP, {b4}),
      vip(kAnyPort, IpProto::kTcp, 443, FL_ENCAP_IPIP, {second4}),
      vip("198.18.5.0/24", IpProto::kTcp, 80, FL_ENCAP_IPIP, {b4}),
      vip(kIpip6, IpProto::kTcp, 80, FL_ENCAP_IPIP, {b6}),
      vip(kIpip6, IpProto::kUdp, 53, FL_ENCAP_IPIP, {b6}),
      vip(kIpip6to4, IpProto::kTcp, 80, FL_ENCAP_IPIP, {b4}),
      vip(kGue6, IpProto::kUdp, 53, FL_ENCAP_GUE, {b6}),
      vip(kGue6to4, IpProto::kTcp, 80, FL_ENCAP_GUE, {b4}),
      vip(kL2v6, IpProto::kTcp, 80, FL_ENCAP_L2, {l2}),
      pair(kPair, IpProto::kTcp, 80, world),
      pair(kPairUdp, IpProto::kUdp, 53, world),
      quic(kQuic4, world),
      quic(kQuic6, world),
      gue_pair(kGuePair, {b4, {.address = kSecond4, .state = world.second, .backend = 1}}, world),
      gue_pair(kGuePair6, {b6, second6}, world),
      gue_many(kGueMany, "10.0.1.", world),
      gue_many(kGueMany6, "2001:db8:0:b::1", world),
  };
  for (TestVip& v : table.vips) {
    if (v.prefix == kIpip4 || v.prefix == kGue4 || v.prefix == kIpip6) v.mss = world.mss;
    if (v.prefix == kPairUdp && world.udp_stateless) v.flags = FL_VIP_STATELESS;
    if (v.prefix == kIpip4 && world.kernel_echoes) v.flags = FL_VIP_NO_ECHO;
  }
  table.outer = world.outer;
  table.outer_source4 = world.outer_source4;
  table.outer_source6 = world.outer_source6;
  table.icmp_from_node = world.icmp_from_node;
  table.icmp_error_limit = world.icmp_error_limit;
  table.icmp_echo_limit = world.icmp_echo_limit;
  if (!world.node_has_ipv4) table.node_address4.clear();
  if (!world.node_has_ipv6) table.node_address6.clear();
  table.new_flow_limit = world.new_flow_limit;
  return table;
}

std::uint16_t gue_port(
    IpProto protocol,
    const char* source,
    std::uint16_t source_port,
    const char* destination,
    std::uint16_t destination_port
) {
  return fl_gue_source_port(flow_hash(protocol, source, source_port, destination, destination_port)
  );
}

std::uint32_t flow_label(
    IpProto protocol,
    const char* source,
    std::uint16_t source_port,
    const char* destination,
    std::uint16_t destination_port
) {
  return fl_outer_flow_label(flow_hash(protocol, source, source_port, destination, destination_port)
  );
}

// A datagram is named by a flow hash in which the identification stands for the ports.
std::uint16_t fragment_gue_port(
    IpProto protocol, const char* source, const char* destination, std::uint16_t id
) {
  return fl_gue_source_port(flow_hash(protocol, source, id, destination, 0));
}
std::uint32_t fragment_flow_label(const char* source, const char* destination, std::uint32_t id) {
  const auto high = static_cast<std::uint16_t>(id >> 16);
  const auto low = static_cast<std::uint16_t>(id);
  return fl_outer_flow_label(flow_hash(IpProto::kFragment, source, high, destination, low));
}

std::string test_name(std::size_t place, const PacketCase& row) {
  std::string name = std::to_string(place) + "_";
  for (const char c : row.says) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

std::vector<PacketCase> all_cases() {
  std::vector<PacketCase> all;
  for (auto* part :
       {encapsulation_cases,
        header_cases,
        malformed_cases,
        kernel_cases,
        steering_cases,
        flow_cases,
        udp_cases,
        fragment_cases,
        icmp_error_cases,
        icmp6_error_cases,
        quic_cases,
        truncation_cases,
        answer_cases,
        echo_request_cases,
        outer_cases,
        mss_cases,
        seeking_cases,
        hop_list_cases}) {
    auto rows = part();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace fairlead::packet_table
