// SPDX-License-Identifier: BSD-3-Clause
// The worker's loop on DPDK rings in the place of a port: books, full rings, punts, generations,
// stop; and that its thread never allocates (malloc is replaced, so this is a program of its own).
#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>

#include <rte_ip.h>

#include <gtest/gtest.h>

#include "tests/testing/icmp_message.hh"
#include "tests/unit/dataplane/process/worker_on_rings.hh"

namespace {
std::atomic<std::uint64_t> worker_allocations{0};

void count() {
  if (fairlead::dataplane::is_worker) worker_allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

extern "C" {
// glibc's own allocator under its internal names; operator new ends in malloc.
void* __libc_malloc(std::size_t);               // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t, std::size_t);  // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void*, std::size_t);       // NOLINT(bugprone-reserved-identifier)
void* malloc(std::size_t bytes) {
  count();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t items, std::size_t bytes) {
  count();
  return __libc_calloc(items, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  count();
  return __libc_realloc(old, bytes);
}
}

namespace fairlead::dataplane {
namespace {

testing::Frame arp() {
  return testing::packet().ethertype(0x0806).payload(46).build();
}
testing::Frame other() {
  return testing::packet().ipv4("198.51.100.1", "192.0.2.1").udp(5, 6).build();
}

TEST(Worker, ForwardsInTunnelsAndItsBooksBalance) {
  Bench bench;
  for (unsigned i = 0; i < 300; ++i) bench.receive(i % 3 == 0 ? arp() : syn(i));
  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().rx_packets, 300U);
  EXPECT_EQ(bench.page().tx_packets, 200U);
  EXPECT_EQ(bench.page().drops[FL_REASON_NO_PUNT], 100U);
  EXPECT_EQ(bench.unaccounted(), 0U);
  const auto& latency = bench.page().latency;
  EXPECT_EQ(std::accumulate(latency + 4, std::end(latency), 0U), 200U) << "4 ns and more";
  rte_mbuf* first = bench.sent();
  ASSERT_NE(first, nullptr);
  const auto* bytes = rte_pktmbuf_mtod(first, const std::uint8_t*);
  EXPECT_EQ(bytes[23], 4) << "IPIP";
  EXPECT_EQ(bytes[5], 3) << "gateway";
  EXPECT_EQ(first->pkt_len, syn(1).size() + 20);
  rte_pktmbuf_free(first);
}

TEST(Worker, LeavesOuterChecksumsToAPortThatFillsThemIn) {
  Bench software;
  Bench offload(1024, PuntPath::kNone, true);
  std::vector<testing::Frame> frames;
  for (unsigned i = 0; i < 40; ++i) frames.push_back(syn(i));
  frames.push_back(
      testing::packet().vlan(7).ipv4("198.51.100.9", "203.0.113.10").tcp(9, 80, "S").build()
  );
  frames.push_back(testing::packet().ipv4("198.51.100.9", "203.0.113.11").tcp(9, 80, "S").build());
  for (Bench* const bench : {&software, &offload}) {
    for (const testing::Frame& frame : frames) bench->receive(frame);
    bench->start();
    bench->stop();
    ASSERT_EQ(bench->page().tx_packets, frames.size());
  }

  for (std::size_t i = 0; i < frames.size(); ++i) {
    const std::size_t l2 = i == 40 ? 18 : 14;
    rte_mbuf* const summed = software.sent();
    rte_mbuf* const left = offload.sent();
    EXPECT_EQ(summed->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK, 0U);
    ASSERT_EQ(summed->pkt_len, left->pkt_len);
    const auto bytes = [](const rte_mbuf* m) {
      const auto* data = rte_pktmbuf_mtod(m, const std::uint8_t*);
      return testing::Frame(data, data + m->pkt_len);
    };
    testing::Frame expected = bytes(summed);
    const testing::Frame sent = bytes(left);
    if (i == 41) {  // the client's own header, which is no business of ours
      EXPECT_EQ(left->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK, 0U);
    } else {
      EXPECT_EQ(left->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
      EXPECT_EQ(left->l2_len, l2);
      EXPECT_EQ(left->l3_len, 20U);
      std::uint16_t checksum = 0;
      std::memcpy(&checksum, &expected[l2 + 10], 2);
      EXPECT_EQ(checksum, rte_ipv4_cksum(reinterpret_cast<const rte_ipv4_hdr*>(&sent[l2])));
      EXPECT_NE(checksum, 0U);
      expected[l2 + 10] = expected[l2 + 11] = 0;
    }
    EXPECT_EQ(sent, expected) << i;
    rte_pktmbuf_free(summed);
    rte_pktmbuf_free(left);
  }
}

TEST(Worker, SendsWhatCameBeforeTheGateTookTheQueueFromIt) {
  Bench bench;
  bench.start();
  while (__atomic_load_n(&bench.sign().owner, __ATOMIC_SEQ_CST) != FL_OWNER_DATAPLANE) continue;
  __atomic_store_n(&bench.sign().owner, FL_OWNER_GATE, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < 300; ++i) bench.receive(syn(i));
  bench.stop();
  EXPECT_EQ(bench.page().tx_packets, 300U);
  EXPECT_EQ(bench.unaccounted(), 0U);
}

TEST(Worker, CountsWhatTheTransmitRingRefuses) {
  Bench bench(16);
  for (unsigned i = 0; i < 100; ++i) bench.receive(syn(i));
  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().tx_packets, 15U);
  EXPECT_EQ(bench.page().drops[FL_REASON_TX_FULL], 85U);
  EXPECT_EQ(bench.unaccounted(), 0U);
}

TEST(Worker, SendsItsAnswersBackAndCountsThoseThatTheRingRefuses) {
  Bench bench(16);
  for (unsigned i = 0; i < 20; ++i) {
    bench.receive(testing::packet()
                      .ether("02:00:00:00:00:02", "02:00:00:00:00:09")
                      .ipv4("198.51.100.7", "203.0.113.10")
                      .protocol(1)
                      .bytes(testing::echo4(8, 30)));
  }
  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().answered, 15U);
  EXPECT_EQ(bench.page().answers[FL_REASON_ECHO], 20U) << "what for, whether sent or not";
  EXPECT_EQ(bench.page().drops[FL_REASON_TX_FULL], 5U);
  EXPECT_EQ(bench.page().tx_packets, 0U);
  EXPECT_EQ(bench.unaccounted(), 0U);
  rte_mbuf* const reply = bench.sent();
  ASSERT_NE(reply, nullptr);
  const testing::Frame expected = testing::packet()
                                      .ether("02:00:00:00:00:09", "02:00:00:00:00:02")
                                      .ipv4("203.0.113.10", "198.51.100.7")
                                      .protocol(1)
                                      .bytes(testing::echo4(0, 30));
  ASSERT_EQ(reply->pkt_len, expected.size());
  EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(reply, void*), expected.data(), expected.size()), 0);
  rte_pktmbuf_free(reply);
}

TEST(Worker, GivesNeighbourMessagesToMainAndCountsWhatDoesNotFit) {
  Bench bench(1024, PuntPath::kNeighbours);
  for (unsigned i = 0; i < 300; ++i) bench.receive(arp());
  for (unsigned i = 0; i < 10; ++i) bench.receive(other());
  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().punted, PacketRing::kPackets - 1);
  EXPECT_EQ(bench.page().drops[FL_REASON_PUNT_FULL], 300 - (PacketRing::kPackets - 1));
  EXPECT_EQ(bench.page().drops[FL_REASON_NO_PUNT], 10U);
  EXPECT_EQ(bench.unaccounted(), 0U);
}

TEST(Worker, LogsEveryNewFlowOnce) {
  Bench bench;
  for (unsigned i = 0; i < 200; ++i) bench.receive(syn(i % 100));
  bench.start();
  bench.stop();

  unsigned decisions = 0;
  path::Decision decision;
  while (bench.worker().decisions().try_pop(decision)) ++decisions;
  EXPECT_EQ(decisions, 100U);
}

TEST(Worker, TakesUpANewGenerationWhileItRuns) {
  Bench bench;
  bench.start();
  bench.publish();
  const auto seen = [&] { return bench.writer().acknowledged(2, sys::monotonic_ns()); };
  const base::Nanoseconds deadline = sys::monotonic_ns() + 20 * base::kSecond;
  while (seen().lowest != 2 && sys::monotonic_ns() < deadline) std::this_thread::yield();

  EXPECT_EQ(seen().lowest, 2U);
  bench.stop();
  EXPECT_EQ(seen().online, 0U) << "a stopped worker holds no bank";
}

TEST(Worker, TakesOverBooksThatAKilledProcessLeftOpen) {
  Bench bench;
  bench.page().rx_packets += 17;  // as if a process had been killed with them in hand
  bench.receive(syn(1));
  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().rx_packets, 18U);
  EXPECT_EQ(bench.page().tx_packets, 1U);
  EXPECT_EQ(bench.page().drops[FL_REASON_LOST_IN_CRASH], 17U);
  EXPECT_EQ(bench.unaccounted(), 0U);
}

TEST(Worker, ItsThreadNeverAllocates) {
  Bench bench(1024, PuntPath::kNeighbours);
  for (unsigned i = 0; i < 600; ++i)
    bench.receive(i % 7 == 0 ? arp() : i % 11 == 0 ? other() : syn(i));
  worker_allocations = 0;
  bench.start();
  bench.publish();
  bench.stop();

  EXPECT_EQ(bench.page().rx_packets, 600U);
  EXPECT_EQ(worker_allocations.load(), 0U);
}

}  // namespace
}  // namespace fairlead::dataplane
