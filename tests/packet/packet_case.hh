// SPDX-License-Identifier: BSD-3-Clause
// The packet table: rows of data, one sentence each. A runner builds the world, sends the packets
// that came before, then the packet, and compares verdict, reason and bytes. The runner of this
// folder drives the pipeline; one for the XDP program can use the same rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/steer/verdict.hh"
#include "tests/testing/packet_builder.hh"
#include "tests/testing/test_bank.hh"

namespace fairlead::packet_table {

using testing::Frame;

/// What the workers hear of fairlead-control about backends.
enum class Control : std::uint8_t {
  kNever,        // there never was one
  kAway,         // it is gone: no probe was answered since
  kSeesAnswers,  // every backend has just answered a probe
};

/// The world of a row: the table of world_table(), with these differences.
struct World {
  bool published = true;
  std::uint8_t first = FL_MEMBER_ACTIVE;        // state of the first backend of the vip `pair`
  std::uint8_t second = FL_MEMBER_ACTIVE;       // and of the second
  std::vector<std::uint32_t> pair_slots = {0};  // whose slots the table of `pair` has
  std::uint8_t pair_choices = 1;
  bool only_node = false;      // of the pair's fleet
  bool udp_stateless = false;  // of the vip kPairUdp
  bool node_has_ipv4 = true;
  bool node_has_ipv6 = true;
  bool gateways_resolved = true;
  std::uint32_t mtu = 1500;
  std::uint32_t headroom = 128;
  std::uint32_t buffer_bytes = 0;               // of a packet's buffer; 0: it ends with the frame
  std::uint32_t new_flow_limit = 0;             // 0: none
  std::vector<std::uint32_t> gue_slots = {0};   // of the GUE pairs
  std::vector<std::uint32_t> gue_earlier = {};  // who owned these slots before
  /// Of kGueMany, kGueMany6: so many slots, each its own backend's; who owned the first ones
  /// before, the others were the first backend's.
  std::uint32_t many_members = 10;
  std::vector<std::uint32_t> many_earlier = {3, 7, 5, 0, 8, 0, 9, 0, 0, 0};
  std::uint8_t many_choices = 3;
  net::OuterPolicy outer = {};
  std::string outer_source4 = {};  // instead of the node's address
  std::string outer_source6 = {};
  std::uint16_t mss = 0;       // of the vips kIpip4, kGue4, kIpip6
  bool kernel_echoes = false;  // the vip kIpip4 leaves echo requests to the kernel
  bool icmp_from_node = false;
  std::uint32_t icmp_error_limit = 1000;
  std::uint32_t icmp_echo_limit = 1000;
  Control control = Control::kNever;
};

struct Step {
  std::uint32_t after_ms;  // since the step before
  Frame frame;
};

struct PacketCase {
  std::string says;
  World world = {};
  std::vector<Step> before = {};   // sent first; their verdicts do not matter
  std::optional<World> then = {};  // a new generation after `before`
  std::uint32_t after_ms = 0;      // between `before` and `in`
  Frame in;
  steer::Verdict verdict = steer::Verdict::kForward;
  fl_reason reason = FL_REASON_NONE;
  Frame out = {};  // the frame sent; for kForward and kAnswer
  /// Fragments of `before` that waited for `in` and are sent behind it.
  std::vector<Frame> released = {};
};

/// Rows by subject, one file each.
std::vector<PacketCase> encapsulation_cases();
std::vector<PacketCase> header_cases();
std::vector<PacketCase> malformed_cases();
std::vector<PacketCase> kernel_cases();
std::vector<PacketCase> steering_cases();
std::vector<PacketCase> flow_cases();
std::vector<PacketCase> udp_cases();
std::vector<PacketCase> fragment_cases();
std::vector<PacketCase> icmp_error_cases();
std::vector<PacketCase> icmp6_error_cases();
std::vector<PacketCase> quic_cases();
std::vector<PacketCase> truncation_cases();
std::vector<PacketCase> answer_cases();
std::vector<PacketCase> echo_request_cases();
std::vector<PacketCase> outer_cases();
std::vector<PacketCase> mss_cases();
std::vector<PacketCase> seeking_cases();
std::vector<PacketCase> hop_list_cases();
std::vector<PacketCase> all_cases();

/// Of a row's test, by its place among all_cases(): its sentence in letters, digits and
/// underscores, which is what a test's name may hold.
std::string test_name(std::size_t place, const PacketCase& row);

/// The vips of the table; addresses below.
testing::TestTable world_table(const World& world);

// --- who is who ---
inline constexpr const char* kClient4 = "198.51.100.7";
inline constexpr const char* kClient6 = "2001:db8:c::7";
inline constexpr const char* kNode4 = "10.0.0.100";
inline constexpr const char* kNode6 = "2001:db8:0:a::100";
inline constexpr const char* kBackend4 = "10.0.0.1";
inline constexpr const char* kSecond4 = "10.0.0.2";
inline constexpr const char* kSecond6 = "2001:db8:0:b::2";
inline constexpr const char* kBackend6 = "2001:db8:0:b::1";
inline constexpr const char* kBackendMac = "02:00:00:00:0b:01";

inline constexpr const char* kIpip4 = "203.0.113.10";     // tcp 80, udp 53: IPIP to IPv4
inline constexpr const char* kIpip4to6 = "203.0.113.11";  // tcp 80: IPIP to IPv6
inline constexpr const char* kGue4 = "203.0.113.12";      // tcp 80, udp 53: GUE to IPv4
inline constexpr const char* kGue4to6 = "203.0.113.13";   // tcp 80: GUE to IPv6
inline constexpr const char* kL2v4 = "203.0.113.14";      // tcp 80, udp 53: L2
inline constexpr const char* kL2NoMac = "203.0.113.15";   // tcp 80: L2, MAC unknown
inline constexpr const char* kEmpty = "203.0.113.16";     // tcp 80: empty pool
inline constexpr const char* kAnyPort =
    "203.0.113.17";                                     // tcp any port to first, port 443 to second
inline constexpr const char* kInPrefix = "198.18.5.9";  // 198.18.5.0/24 tcp 80
inline constexpr const char* kPair = "203.0.113.20";    // tcp 80: first and second
inline constexpr const char* kPairUdp = "203.0.113.21";   // udp 53: first and second
inline constexpr const char* kQuic4 = "203.0.113.22";     // udp 443: both, QUIC ids, see quic_cases
inline constexpr const char* kQuic6 = "2001:db8::15";     // udp 443: the same
inline constexpr const char* kGuePair = "203.0.113.24";   // tcp 80: GUE to first and second
inline constexpr const char* kGuePair6 = "203.0.113.25";  // tcp 80: GUE to kBackend6, kSecond6
inline constexpr const char* kGueMany = "203.0.113.26";   // tcp 80: GUE to 10.0.1.0 and on
inline constexpr const char* kGueMany6 = "203.0.113.27";  // tcp 80: GUE to 2001:db8:0:b::10 to 19
inline constexpr const char* kIpip6 = "2001:db8::10";     // tcp 80, udp 53: IPIP to IPv6
inline constexpr const char* kIpip6to4 = "2001:db8::11";  // tcp 80: IPIP to IPv4
inline constexpr const char* kGue6 = "2001:db8::12";      // udp 53: GUE to IPv6
inline constexpr const char* kGue6to4 = "2001:db8::13";   // tcp 80: GUE to IPv4
inline constexpr const char* kL2v6 = "2001:db8::14";      // tcp 80: L2

/// The flow's hash, for a TCP or UDP flow.
std::uint64_t flow_hash(
    net::IpProto protocol,
    const char* source,
    std::uint16_t source_port,
    const char* destination,
    std::uint16_t destination_port
);

/// What the flow's hash puts into outer headers (net/gue.h), for a TCP or UDP flow.
std::uint16_t gue_port(
    net::IpProto protocol,
    const char* source,
    std::uint16_t source_port,
    const char* destination,
    std::uint16_t destination_port
);
std::uint32_t flow_label(
    net::IpProto protocol,
    const char* source,
    std::uint16_t source_port,
    const char* destination,
    std::uint16_t destination_port
);

/// What a datagram's name puts there instead, for its fragments. `id`: as in the header.
std::uint16_t fragment_gue_port(
    net::IpProto protocol, const char* source, const char* destination, std::uint16_t id
);
std::uint32_t fragment_flow_label(const char* source, const char* destination, std::uint32_t id);

/// Start of an expected frame: from us to our gateway.
inline testing::PacketBuilder sent() {
  return testing::packet().ether(testing::kGatewayMac, testing::kNodeMac);
}

}  // namespace fairlead::packet_table
