// SPDX-License-Identifier: BSD-3-Clause
// The gate on single frames: which ones are for the data plane, and why the others are not. Without
// a socket a vip's frame is counted as no_socket; that redirect() finds one is a live test's
// matter.
#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "ebpf/gate.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/include/gate_regions.h"
#include "tests/unit/ebpf/program_run.hh"

namespace fairlead::testing {
namespace {

constexpr auto kTcp = net::IpProto::kTcp;
constexpr auto kUdp = net::IpProto::kUdp;

class GateProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    FL_SKIP_UNLESS_ROOT();
    std::size_t bytes = 0;
    const void* const elf = gate_bpf__elf_bytes(&bytes);
    static LoadedProgram loaded(elf, bytes, "xsk_def_prog", "fl_gate_count");  // it takes a while
    program_ = &loaded;
    program_->set_vips({
        {*net::Prefix::parse("203.0.113.10"), kTcp, 80},
        {*net::Prefix::parse("203.0.113.11"), kUdp, 0},
        {*net::Prefix::parse("198.51.100.0/28"), kTcp, 443},
        {*net::Prefix::parse("2001:db8:1::10"), kTcp, 80},
        {*net::Prefix::parse("2001:db8:2::/64"), kUdp, 53},
    });
  }

  /// The one counter that the frame moved; the frame always stays as it was.
  fl_gate_counter counter_of(const Bytes& frame) {
    const auto before = counts();
    const Outcome r = program_->run(frame);
    EXPECT_EQ(r.verdict, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(r.frame, frame);
    const auto after = counts();
    std::vector<std::uint32_t> moved;
    for (std::uint32_t i = 0; i < after.size(); ++i) {
      if (after[i] != before[i]) moved.push_back(i);
    }
    EXPECT_EQ(moved.size(), 1U) << "exactly one counter for each frame";
    return moved.empty() ? FL_GATE_COUNTER_COUNT : static_cast<fl_gate_counter>(moved.front());
  }

  std::vector<std::uint64_t> counts() {
    std::vector<std::uint64_t> values;
    for (std::uint32_t i = 0; i < FL_GATE_COUNTER_COUNT; ++i) values.push_back(program_->count(i));
    return values;
  }

  LoadedProgram* program_ = nullptr;
};

Bytes to4(const std::string& address, unsigned protocol, const Bytes& l4, const IpFields& f = {}) {
  return ethernet(kIpv4Type, ip4("192.0.2.1", address, protocol, l4, f));
}
Bytes to6(const std::string& address, unsigned protocol, const Bytes& l4, const IpFields& f = {}) {
  return ethernet(kIpv6Type, ip6("2001:db8::1", address, protocol, l4, f));
}

TEST_F(GateProgram, SendsVipTrafficToTheDataPlane) {
  EXPECT_EQ(counter_of(to4("203.0.113.10", 6, tcp(1000, 80))), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(to4("203.0.113.11", 17, udp(1000, 9999))), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(to4("198.51.100.15", 6, tcp(1000, 443))), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(to6("2001:db8:1::10", 6, tcp(1000, 80))), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(to6("2001:db8:2::77", 17, udp(1000, 53))), FL_GATE_NO_SOCKET);
}

TEST_F(GateProgram, LeavesEverythingElseToTheKernel) {
  EXPECT_EQ(counter_of(to4("203.0.113.10", 6, tcp(1000, 81))), FL_GATE_NO_VIP);
  EXPECT_EQ(counter_of(to4("203.0.113.10", 17, udp(1000, 80))), FL_GATE_NO_VIP);
  EXPECT_EQ(counter_of(to4("203.0.113.12", 6, tcp(1000, 80))), FL_GATE_NO_VIP);
  EXPECT_EQ(counter_of(to4("198.51.100.16", 6, tcp(1000, 443))), FL_GATE_NO_VIP);
  EXPECT_EQ(counter_of(to4("203.0.113.99", 1, Bytes(8))), FL_GATE_ICMP);
  EXPECT_EQ(counter_of(to6("2001:db8:3::77", 17, udp(1000, 53))), FL_GATE_NO_VIP);
  EXPECT_EQ(counter_of(ethernet(0x0806, Bytes(28))), FL_GATE_NOT_IP);
}

TEST_F(GateProgram, ReadsThroughVlanTags) {
  const Bytes v4 = ip4("192.0.2.1", "203.0.113.10", 6, tcp(1000, 80));
  const Bytes v6 = ip6("2001:db8::1", "2001:db8:1::10", 6, tcp(1000, 80));

  EXPECT_EQ(counter_of(ethernet(kIpv4Type, v4, {7})), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(ethernet(kIpv4Type, v4, {7, 8})), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(ethernet(kIpv6Type, v6, {7, 8})), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(ethernet(kIpv4Type, v4, {7, 8, 9})), FL_GATE_NOT_IP);
}

TEST_F(GateProgram, ReadsThroughOptionsAndExtensionHeaders) {
  Bytes two_extensions = {60, 0, 0, 0, 0, 0, 0, 0, 6, 1};  // hop-by-hop, then destination options
  two_extensions.resize(24);
  EXPECT_EQ(
      counter_of(to4("203.0.113.10", 6, tcp(1000, 80), {.options = Bytes(40, 1)})),
      FL_GATE_NO_SOCKET
  );
  EXPECT_EQ(
      counter_of(to6("2001:db8:1::10", 6, tcp(1, 80), {.options = two_extensions, .next = 0})),
      FL_GATE_NO_SOCKET
  );
}

// Errors about a vip's connections, and echo requests: the data plane knows what to do with them.
// The rest of ICMP it could only drop.
TEST_F(GateProgram, SendsNoIcmpToTheDataPlaneButErrorsAndEchoRequests) {
  const Bytes error4 = {3, 4, 0, 0, 0, 0, 0, 0};  // which quotes nothing
  const Bytes error6 = {2, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(counter_of(to4("203.0.113.10", 1, error4)), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(to6("2001:db8:1::10", 58, error6)), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(to4("203.0.113.10", 1, Bytes(8))), FL_GATE_ICMP);
  EXPECT_EQ(counter_of(to6("2001:db8:1::10", 58, Bytes(8))), FL_GATE_ICMP);
}

// An address of the kernel's that is a vip too: who else would answer for its MAC?
TEST_F(GateProgram, LeavesNeighbourDiscoveryOfAVipToTheKernel) {
  const auto icmp6 = [](std::uint8_t type, std::uint8_t hop_limit) {
    Bytes frame = to6("2001:db8:1::10", 58, Bytes{type, 0, 0, 0, 0, 0, 0, 0});
    frame[21] = hop_limit;
    return frame;
  };
  for (unsigned type = 0; type < 256; ++type) {
    const bool served = (type >= 1 && type <= 4) || type == 128;  // errors and echo requests
    EXPECT_EQ(
        counter_of(icmp6(static_cast<std::uint8_t>(type), 255)),
        served ? FL_GATE_NO_SOCKET : FL_GATE_ICMP
    ) << type;
  }
  // From behind a router it is none (RFC 4861 section 7.1.1): the kernel knows.
  EXPECT_EQ(counter_of(icmp6(135, 254)), FL_GATE_ICMP);
  Bytes behind_options =
      to6("2001:db8:1::10",
          58,
          Bytes{135, 0, 0, 0, 0, 0, 0, 0},
          {.options = {58, 0, 1, 4, 0, 0, 0, 0}, .next = 0});
  behind_options[21] = 255;
  EXPECT_EQ(counter_of(behind_options), FL_GATE_ICMP);
  Bytes cut = icmp6(135, 255);
  cut[19] = 0;  // no ICMPv6 header at all
  cut.resize(54);
  EXPECT_EQ(counter_of(cut), FL_GATE_ICMP);
}

// Dropped there with its reason, and never answered by the kernel.
TEST_F(GateProgram, BoundsTheWalkOverExtensionHeaders) {
  Bytes nine;
  for (int i = 0; i < 9; ++i) nine = nine + Bytes{60, 0, 0, 0, 0, 0, 0, 0};
  nine[64] = 6;
  EXPECT_EQ(
      counter_of(to6("2001:db8:1::10", 6, tcp(1, 80), {.options = nine, .next = 60})),
      FL_GATE_NO_SOCKET
  );
}

TEST_F(GateProgram, KeepsFragmentsOfAVipTogether) {
  EXPECT_EQ(
      counter_of(to4("203.0.113.11", 17, udp(1, 2), {.fragment = 0x2000})), FL_GATE_NO_SOCKET
  );
  EXPECT_EQ(counter_of(to4("203.0.113.11", 17, Bytes(8), {.fragment = 0x0010})), FL_GATE_NO_SOCKET);
  EXPECT_EQ(counter_of(to4("203.0.113.99", 17, Bytes(8), {.fragment = 0x0010})), FL_GATE_NO_VIP);
  EXPECT_EQ(
      counter_of(
          to6("2001:db8:2::1", 17, Bytes(8), {.options = {17, 0, 0, 0x10, 0, 0, 0, 1}, .next = 44})
      ),
      FL_GATE_NO_SOCKET
  );
}

TEST_F(GateProgram, LeavesBroadcastAndMulticastFramesToTheKernel) {
  Bytes frame = to4("203.0.113.10", 6, tcp(1000, 80));
  frame[0] = 0xff;
  EXPECT_EQ(counter_of(frame), FL_GATE_MULTICAST);
}

TEST_F(GateProgram, LeavesFramesOfOtherHostsToTheKernel) {
  const std::uint32_t first = 0;
  fl_gate_settings settings{};
  settings.own = 0x01'00'00'00'00'02;  // 02:00:00:00:00:01, first byte lowest
  ASSERT_EQ(bpf_map_update_elem(program_->map("fl_gate_settings"), &first, &settings, BPF_ANY), 0);
  Bytes frame = to4("203.0.113.10", 6, tcp(1000, 80));
  EXPECT_EQ(counter_of(frame), FL_GATE_NO_SOCKET);
  frame[5] = 9;
  EXPECT_EQ(counter_of(frame), FL_GATE_OTHER_HOST);
}

Bytes with_first_byte(Bytes frame, std::uint8_t byte) {
  frame[14] = byte;  // version and header length
  return frame;
}

TEST_F(GateProgram, RefusesImpossibleHeaders) {
  const Bytes ours = to4("203.0.113.10", 6, tcp(1000, 80));
  const Bytes another = to4("203.0.113.99", 6, tcp(1000, 80));
  EXPECT_EQ(counter_of(with_first_byte(ours, 0x65)), FL_GATE_BAD_HEADER);
  EXPECT_EQ(counter_of(with_first_byte(another, 0x44)), FL_GATE_BAD_HEADER);
  // Its address can be read: for whoever owns the queue, who drops it with the reason.
  EXPECT_EQ(counter_of(with_first_byte(ours, 0x44)), FL_GATE_NO_SOCKET);
}

// Once its addresses can be read, a vip's goes to whoever owns the queue.
TEST_F(GateProgram, NeverReadsPastATruncatedFrame) {
  Bytes extension = {6, 0, 0, 0, 0, 0, 0, 0};
  struct Whole {
    Bytes frame;
    std::size_t addresses;  // where they end
    fl_gate_counter counter;
  };
  const Bytes options(8, 1);
  const std::vector<Whole> whole = {
      {to4("203.0.113.10", 6, tcp(1000, 80), {.options = options}), 34, FL_GATE_NO_SOCKET},
      {to4("203.0.113.99", 6, tcp(1000, 80), {.options = options}), 34, FL_GATE_TRUNCATED},
      {to6("2001:db8:1::10", 6, tcp(1000, 80), {.options = extension, .next = 0}),
       54,
       FL_GATE_NO_SOCKET},
      {to6("2001:db8:9::10", 6, tcp(1000, 80), {.options = extension, .next = 0}),
       54,
       FL_GATE_TRUNCATED},
      {ethernet(kIpv4Type, ip4("192.0.2.1", "203.0.113.10", 6, tcp(1000, 80)), {7, 8}),
       42,
       FL_GATE_NO_SOCKET},
  };
  for (const auto& [frame, addresses, counter] : whole) {
    for (std::size_t length = 14; length < frame.size(); ++length) {
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_EQ(counter_of(cut), length < addresses ? FL_GATE_TRUNCATED : counter) << length;
    }
  }
}

TEST_F(GateProgram, ForgetsVipsThatAreRemoved) {
  program_->set_vips({{*net::Prefix::parse("203.0.113.10"), kTcp, 81}});
  EXPECT_EQ(counter_of(to4("203.0.113.10", 6, tcp(1000, 80))), FL_GATE_NO_VIP);
  EXPECT_EQ(counter_of(to4("203.0.113.10", 6, tcp(1000, 81))), FL_GATE_NO_SOCKET);
  program_->set_vips({});
  EXPECT_EQ(counter_of(to4("203.0.113.10", 6, tcp(1000, 81))), FL_GATE_NO_VIP);
}

}  // namespace
}  // namespace fairlead::testing
