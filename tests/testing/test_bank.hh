// SPDX-License-Identifier: BSD-3-Clause
// A published table made by hand: the test says which slot names which member.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/net/addr.hh"
#include "dataplane/net/outer_policy.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::testing {

struct TestMember {
  std::string address;
  std::uint8_t state = FL_MEMBER_ACTIVE;
  std::uint32_t backend = 0;
  std::uint32_t inverse_weight = 1000;
  std::string mac = {};  // l2 only
};

/// A QUIC server id: what a connection id of configuration `config` holds for a member.
struct TestServerId {
  std::uint8_t config;
  std::vector<std::uint8_t> id;
  std::uint32_t member;  // position in the vip's members
};

struct TestVip {
  std::string prefix;  // "203.0.113.10" or "198.18.0.0/24"
  net::IpProto protocol = net::IpProto::kTcp;
  std::uint16_t port = 80;
  std::uint8_t encapsulation = FL_ENCAP_IPIP;
  std::uint8_t choices = 1;
  std::vector<TestMember> members = {};
  /// Positions in `members`, one per slot; empty: kTestSlots slots over all members in turn.
  std::vector<std::uint32_t> slots = {};
  std::vector<TestServerId> quic = {};  // not empty: FL_VIP_QUIC
  /// Positions in `members`, one per slot: who owned it before; empty: nobody known.
  std::vector<std::uint32_t> earlier = {};
  std::uint16_t mss = 0;
  std::uint8_t flags = 0;
};

inline constexpr std::uint32_t kTestSlots = 1009;
inline constexpr std::uint64_t kTestKey[2] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

struct TestTable {
  std::vector<TestVip> vips;
  std::uint64_t generation = 1;
  std::string node_address4 = "10.0.0.100";  // empty: none
  std::string node_address6 = "2001:db8:0:a::100";
  std::uint32_t new_flow_limit = 0;
  net::OuterPolicy outer = {};
  std::string outer_source4 = {};  // empty: the node's address
  std::string outer_source6 = {};
  bool icmp_from_node = false;
  std::uint32_t icmp_error_limit = 1000;
  std::uint32_t icmp_echo_limit = 1000;
  std::uint32_t idle_new_ms = 3000;
  std::uint32_t idle_confirmed_ms = 300000;
  std::uint32_t idle_closing_ms = 10000;
  std::uint32_t idle_reset_ms = 3000;
  std::uint32_t idle_adopted_ms = 10000;
  std::uint32_t idle_udp_ms = 60000;
  std::uint32_t idle_udp_new_ms = 20000;
};

/// The bytes of a bank and a view of them. Vip numbers are positions in `vips`; members are
/// numbered through in order of vips. Throws if TableView refuses the bank.
class TestBank {
 public:
  explicit TestBank(const TestTable& table);
  [[nodiscard]] const steer::TableView& view() const { return view_; }

 private:
  struct alignas(64) Line {
    unsigned char bytes[64];
  };
  std::vector<Line> lines_;
  steer::TableView view_;
};

}  // namespace fairlead::testing
