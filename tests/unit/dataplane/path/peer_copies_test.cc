// SPDX-License-Identifier: BSD-3-Clause
// Fragments and ICMP errors may come to another worker than their flow, which then has a copy of
// its entry: a copy must not outlive what it is of.
#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;

constexpr const char* kClient = "198.51.100.7";
constexpr const char* kVip = "203.0.113.20";

Frame tcp(const char* flags) {
  return packet().ipv4(kClient, kVip).tcp(1000, 80, flags);
}
Frame first_fragment(std::uint16_t id) {
  return packet().ipv4(kClient, kVip).id(id).ipv4_fragment(0, true).tcp(1000, 80, "A").payload(4);
}
Frame icmp_error() {
  return packet()
      .ipv4("192.0.2.9", kVip)
      .icmp(3, 4, 1400)
      .ipv4(kVip, kClient)
      .tcp(80, 1000, "A")
      .payload(20);
}

/// Every new flow goes to the member in `slot`.
testing::TestTable toward(std::uint32_t slot) {
  testing::TestTable table;
  table.vips = {
      {.prefix = kVip,
       .members = {{.address = "10.0.0.1", .backend = 0}, {.address = "10.0.0.2", .backend = 1}},
       .slots = {slot}}};
  return table;
}

/// A connection of the flow's worker, a fragment of it at the other one, then a new connection of
/// the same tuple, to the other member.
class PeerCopies : public ::testing::Test {
 protected:
  PeerCopies() {
    other_.context().worker = 1;
    tables_ = {own_.context().flows, other_.context().flows};
    own_.context().relatives.tables = other_.context().relatives.tables = tables_;
    own_.context().peers = other_.context().peers = &peers_;
    peers_.set(0, &own_.context().fragments->table);
    peers_.set(1, &other_.context().fragments->table);
    use(first_);
    own_.run_one(tcp("S"));
    own_.run_one(tcp("A"));
    EXPECT_EQ(0U, other_.run_one(first_fragment(1)).member);
    own_.run_one(tcp("FA"));
    use(second_);
    own_.advance(base::kSecond);
    other_.advance(base::kSecond);
    own_.run_one(tcp("S"));
    EXPECT_EQ(1U, own_.run_one(tcp("A")).member);
  }
  void use(const testing::TestBank& bank) {
    own_.use(bank.view());
    other_.use(bank.view());
  }

  const testing::TestBank first_{toward(0)};
  const testing::TestBank second_{toward(1)};
  testing::TestWorker own_{1024};
  testing::TestWorker other_{1024};
  std::vector<flow::FlowTable> tables_;
  Peers peers_;
};

TEST_F(PeerCopies, AFragmentOfTheNewConnectionFollowsIt) {
  EXPECT_EQ(1U, other_.run_one(first_fragment(2)).member);
  EXPECT_EQ(0U, own_.unaccounted());
  EXPECT_EQ(0U, other_.unaccounted());
}

TEST_F(PeerCopies, AnIcmpErrorOfTheNewConnectionFollowsIt) {
  EXPECT_EQ(1U, other_.run_one(icmp_error()).member);
  EXPECT_EQ(1U, own_.run_one(icmp_error()).member);
}

TEST_F(PeerCopies, OfTheOldConnectionNothingStaysInFlight) {
  other_.run_one(first_fragment(2));
  const auto in_flight = [&](unsigned backend) {
    return own_.page().backends[backend].in_flight + other_.page().backends[backend].in_flight;
  };
  EXPECT_EQ(0U, in_flight(0));
  EXPECT_EQ(1U, in_flight(1));
}

}  // namespace
}  // namespace fairlead::path
