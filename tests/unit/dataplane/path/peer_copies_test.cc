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
constexpr const char* kUdpVip = "203.0.113.21";

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

Frame datagram() {
  return packet().ipv4(kClient, kUdpVip).udp(1000, 53).payload(40);
}
Frame fragment(std::uint16_t id) {
  return packet()
      .ipv4(kClient, kUdpVip)
      .id(id)
      .ipv4_fragment(0, true)
      .udp(1000, 53)
      .udp_length(108)
      .payload(40);
}
Frame error_about_datagram(std::uint16_t client) {
  return packet()
      .ipv4("192.0.2.9", kUdpVip)
      .icmp(3, 4, 1400)
      .ipv4(kUdpVip, kClient)
      .udp(53, client)
      .payload(20);
}

/// A flow of UDP whose whole packets come to worker 0, and its fragments to worker 1.
class UdpCopies : public ::testing::Test {
 protected:
  UdpCopies() {
    fragments_.context().worker = 1;
    tables_ = {whole_.context().flows, fragments_.context().flows};
    for (testing::TestWorker* worker : {&whole_, &fragments_}) {
      WorkerContext& context = worker->context();
      context.relatives.tables = tables_;
      context.relatives.inherited = &notes_;
      context.peers = &peers_;
      peers_.set(context.worker, &context.fragments->table);
    }
    use(first_);
  }
  static testing::TestTable toward(std::uint32_t slot, std::uint8_t first = FL_MEMBER_ACTIVE) {
    testing::TestTable table;
    table.vips = {
        {.prefix = kUdpVip,
         .protocol = net::IpProto::kUdp,
         .port = 53,
         .members =
             {{.address = "10.0.0.1", .state = first, .backend = 0},
              {.address = "10.0.0.2", .backend = 1}},
         .slots = {slot}}};
    return table;
  }
  void use(const testing::TestBank& bank) {
    whole_.use(bank.view());
    fragments_.use(bank.view());
  }
  void advance(base::Nanoseconds by) {
    whole_.advance(by);
    fragments_.advance(by);
  }
  /// What the main thread does with notes of inherited flows.
  void deliver_notes() {
    Inheritance note;
    while (notes_.try_pop(note))
      hand_over((note.worker == 0 ? whole_ : fragments_).context(), note);
  }
  std::uint64_t in_flight(unsigned backend) {
    return whole_.page().backends[backend].in_flight +
           fragments_.page().backends[backend].in_flight;
  }

  const testing::TestBank first_{toward(0)};
  const testing::TestBank first_is_down_{toward(1, FL_MEMBER_DOWN)};
  const testing::TestBank second_{toward(1)};
  testing::TestWorker whole_{1024};
  testing::TestWorker fragments_{1024};
  std::vector<flow::FlowTable> tables_;
  Peers peers_;
  Sink<Inheritance> notes_{16};
};

TEST_F(UdpCopies, AFlowIsInFlightOnce) {
  whole_.run_one(datagram());
  whole_.run_one(datagram());
  for (std::uint16_t id = 1; id < 4; ++id) EXPECT_EQ(0U, fragments_.run_one(fragment(id)).member);

  EXPECT_EQ(1U, in_flight(0));
}

TEST_F(UdpCopies, FragmentsFollowTheirFlowWhenItsBackendWasAwayForAWhile) {
  whole_.run_one(datagram());
  whole_.run_one(datagram());
  fragments_.run_one(fragment(1));
  fragments_.run_one(fragment(2));
  use(first_is_down_);
  EXPECT_EQ(1U, whole_.run_one(datagram()).member);
  use(second_);

  EXPECT_EQ(1U, fragments_.run_one(fragment(3)).member);
  EXPECT_EQ(1U, whole_.run_one(datagram()).member);
  EXPECT_EQ(0U, in_flight(0));
  EXPECT_EQ(1U, in_flight(1));
}

TEST_F(UdpCopies, AFlowThatBeganWithAFragmentIsOfTheWorkerOfItsWholePackets) {
  fragments_.run_one(fragment(1));
  use(second_);
  EXPECT_EQ(0U, whole_.run_one(datagram()).member);
  deliver_notes();
  EXPECT_EQ(0U, fragments_.run_one(fragment(2)).member);
  fragments_.run_one(fragment(3));
  EXPECT_EQ(1U, in_flight(0));
  EXPECT_EQ(1U, whole_.page().backends[0].in_flight);

  use(first_is_down_);
  EXPECT_EQ(1U, whole_.run_one(datagram()).member);
  use(second_);
  EXPECT_EQ(1U, fragments_.run_one(fragment(4)).member);
  EXPECT_EQ(0U, in_flight(0));
  EXPECT_EQ(1U, in_flight(1));
}

TEST_F(UdpCopies, ACopyBecomesTheFlowsEntryWhereItsWholePacketsCome) {
  whole_.run_one(datagram());
  fragments_.run_one(fragment(1));
  fragments_.run_one(datagram());

  EXPECT_EQ(1U, fragments_.page().backends[0].in_flight);
}

/// An entry that has timed out, but that no sweep has come to yet, is none.
TEST_F(UdpCopies, AnIcmpErrorDoesNotFollowAnotherWorkersFlowThatHasTimedOut) {
  whole_.run_one(datagram());
  use(second_);
  EXPECT_EQ(0U, fragments_.run_one(error_about_datagram(1000)).member);
  advance(21 * base::kSecond);

  EXPECT_EQ(1U, fragments_.run_one(error_about_datagram(1000)).member);
  EXPECT_EQ(1U, fragments_.page().icmp_errors_unknown);
}

TEST_F(UdpCopies, NorAnOwnOne) {
  constexpr std::uint16_t kClients = 64;
  testing::TestWorker alone(16 * flow::FlowTable::kMaxBucketsPerStep);
  alone.use(first_.view());
  for (std::uint16_t client = 1; client <= kClients; ++client)
    alone.run_one(packet().ipv4(kClient, kUdpVip).udp(client, 53));
  alone.use(second_.view());
  alone.advance(21 * base::kSecond);
  alone.run_one(error_about_datagram(1));
  ASSERT_GT(alone.page().flows, kClients / 2) << "all are swept already";

  for (std::uint16_t client = 1; client <= kClients; ++client)
    EXPECT_EQ(1U, alone.run_one(error_about_datagram(client)).member) << client;
}

/// The table knows whose a QUIC flow is by a connection id alone: such an entry is no copy.
TEST(QuicFlows, ThatAConnectionIdNamesAreInFlight) {
  testing::TestTable table;
  table.vips = {
      {.prefix = kUdpVip,
       .protocol = net::IpProto::kUdp,
       .port = 443,
       .members = {{.address = "10.0.0.1", .backend = 0}, {.address = "10.0.0.2", .backend = 1}},
       .slots = {0},
       .quic = {{0, {0xa0, 2}, 1}}}};
  const testing::TestBank bank(table);
  testing::TestWorker worker;
  worker.use(bank.view());
  // A short header; the id's configuration is 0, its server id a0 02, its nonce five bytes.
  const std::vector<std::uint8_t> bytes = {0x40, 0x13, 0xa0, 2, 1, 2, 3, 4, 5, 9, 9, 9, 9, 9, 9, 9};
  const Frame named = packet().ipv4(kClient, kUdpVip).udp(1000, 443).bytes(bytes);

  EXPECT_EQ(1U, worker.run_one(named).member);
  EXPECT_EQ(1U, worker.run_one(named).member);
  EXPECT_EQ(1U, worker.page().backends[1].in_flight);
}

}  // namespace
}  // namespace fairlead::path
