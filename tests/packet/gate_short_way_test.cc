// SPDX-License-Identifier: BSD-3-Clause
// The gate's short way (ebpf/include/gate_fast.h) does what the long way does: same bytes, same
// books.
#include <cstring>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/packet/packet_case.hh"
#include "tests/testing/expect_packet.hh"
#include "tests/testing/gate_world.hh"

namespace fairlead::packet_table {
namespace {

using testing::Frame;
using testing::GateWorld;
using testing::packet;

constexpr std::uint32_t kNobody = 0x0100007f;  // 127.0.0.1 as an outer source

struct Known {
  const char* says;
  std::vector<Frame> before;  // make the flow a known one
  Frame in;
};

Frame tcp(const char* vip, const char* flags, unsigned payload = 0) {
  return packet().ipv4(kClient4, vip).tcp(40000, 80, flags).payload(payload);
}
Frame udp(const char* vip, unsigned payload) {
  return packet().ipv4(kClient4, vip).udp(40000, 53).payload(payload);
}
Frame padded(Frame frame) {
  frame.resize(60);
  return frame;
}

std::vector<Known> known_flows() {
  std::vector<Known> all;
  for (const char* vip : {kIpip4, kGue4}) {
    const std::vector<Frame> handshake = {tcp(vip, "S"), tcp(vip, "A")};
    all.push_back({"an ACK", handshake, tcp(vip, "A")});
    all.push_back({"data", handshake, tcp(vip, "PA", 1400)});
    all.push_back({"a padded ACK", handshake, padded(tcp(vip, "A"))});
    all.push_back(
        {"DSCP, ECN and DF inside",
         handshake,
         packet().ipv4(kClient4, vip).tos(0xbb).df().ttl(2).tcp(40000, 80, "A").payload(9)}
    );
    all.push_back({"a datagram", {udp(vip, 30), udp(vip, 30)}, udp(vip, 31)});
  }
  return all;
}

/// Without what depends on the moment.
fl_worker_page timeless(fl_worker_page page) {
  for (fl_backend_counters& backend : page.backends) backend.pending_since_ns = 0;
  return page;
}

class GateShortWay : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    static GateWorld loaded;
    gate = &loaded;
    begin();
  }
  void begin() {
    gate->reset();
    gate->forget_vips();
    gate->use(world_table({}));
  }
  GateWorld* gate = nullptr;
};

TEST_F(GateShortWay, WritesTheSameBytesAndBooksAsTheLongWay) {
  for (const Known& flow : known_flows()) {
    SCOPED_TRACE(flow.says);
    begin();
    for (const Frame& frame : flow.before) gate->run(frame);
    const auto short_way = gate->run(flow.in);
    const fl_worker_page books = timeless(gate->page());
    begin();
    for (const Frame& frame : flow.before) gate->run(frame);
    gate->forget_vips();

    const auto long_way = gate->run(flow.in);

    EXPECT_EQ(to_string(long_way.verdict), to_string(short_way.verdict));
    FL_EXPECT_PACKET(long_way.out, short_way.out);
    const fl_worker_page expected = timeless(gate->page());
    EXPECT_EQ(0, std::memcmp(&expected, &books, sizeof books));
  }
}

TEST_F(GateShortWay, IsTakenByKnownFlows) {
  for (const Known& flow : known_flows()) {
    SCOPED_TRACE(flow.says);
    begin();
    for (const Frame& frame : flow.before) gate->run(frame);
    ASSERT_EQ(1U, gate->falsify_memory(kNobody)) << "the destination is remembered";

    const auto result = gate->run(flow.in);

    ASSERT_GT(result.out.size(), 30U);
    EXPECT_EQ(127, result.out[26]) << "the outer source is what was remembered";
  }
}

TEST_F(GateShortWay, ForgetsWithTheGeneration) {
  gate->run(tcp(kIpip4, "S"));
  gate->run(tcp(kIpip4, "A"));
  gate->falsify_memory(kNobody);

  gate->use(world_table({}));  // the same table, published anew

  const auto result = gate->run(tcp(kIpip4, "A"));
  EXPECT_EQ(10, result.out[26]) << "the node's address";
}

TEST_F(GateShortWay, LeavesAMemberThatIsDown) {
  gate->run(tcp(kPair, "S"));
  gate->run(tcp(kPair, "A"));
  const auto before = gate->run(tcp(kPair, "A"));

  gate->use(world_table({.first = FL_MEMBER_DOWN, .pair_slots = {1}}));
  gate->run(tcp(kPair, "S"));  // of the same flow: decided anew
  gate->run(tcp(kPair, "A"));
  const auto after = gate->run(tcp(kPair, "A"));

  EXPECT_EQ(1, before.out[33]);
  EXPECT_EQ(2, after.out[33]);
}

// A packet that was held up reads a bank that is written anew meanwhile: any number may stand
// there.
TEST_F(GateShortWay, ABackendThatThereCannotBeIsCountedOnNobodysPage) {
  auto* const bank = reinterpret_cast<fl_bank*>(gate->bank());
  auto* const members =
      reinterpret_cast<fl_member*>(gate->bank() + std::size_t{bank->members_line} * FL_LINE_BYTES);
  for (std::uint32_t m = 0; m < bank->member_count; ++m) members[m].backend = FL_MAX_BACKENDS;
  const fl_worker_page before = gate->page(1);

  for (const char* flags : {"S", "A", "A", "R"}) {
    gate->run(tcp(kIpip4, flags));
    gate->run(tcp(kPair, flags));
  }

  EXPECT_EQ(0, std::memcmp(&before, &gate->page(1), sizeof before));
}

}  // namespace
}  // namespace fairlead::packet_table
