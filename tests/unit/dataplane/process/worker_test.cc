// SPDX-License-Identifier: BSD-3-Clause
// The worker's loop on DPDK rings in the place of a port: books, full rings, punts, generations,
// stop; and that its thread never allocates (malloc is replaced, so this is a program of its own).
#include "dataplane/worker.hh"

#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>

#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include <gtest/gtest.h>

#include "control/config/config.hh"
#include "control/steering/steering.hh"
#include "dataplane/eal.hh"
#include "dataplane/sys/system_clock.hh"
#include "tests/testing/icmp_message.hh"
#include "tests/testing/packet_builder.hh"

namespace {
std::atomic<std::uint64_t> worker_allocations{0};
thread_local bool is_worker = false;

void count() {
  if (is_worker) worker_allocations.fetch_add(1, std::memory_order_relaxed);
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

constexpr const char* kConfig = R"(
node: {id: t, address: 10.0.0.100}
vips:
  - name: web
    address: 203.0.113.10
    protocol: tcp
    port: 80
    encapsulation: ipip
    backends: [{id: b1, address: 10.0.0.1}, {id: b2, address: 10.0.0.2}]
  - name: direct
    address: 203.0.113.11
    protocol: tcp
    port: 80
    encapsulation: l2
    backends: [{id: b3, address: 10.0.0.3, mac: "02:00:00:00:01:01"}]
)";
constexpr std::uint64_t kBank = 1 << 20;

const Eal& environment() {
  static const Eal eal = [] {
    EalPlan plan;
    plan.file_prefix = "fl_worker_test" + std::to_string(::getpid());
    return std::move(*Eal::start(plan, false));
  }();
  return eal;
}

/// A worker whose port is two rings, with a published table.
class Bench {
 public:
  explicit Bench(
      unsigned transmit_slots = 1024, PuntPath punt = PuntPath::kNone, bool fills_checksums = false
  ) {
    (void)environment();
    static unsigned number = 0;
    const std::string name = "t" + std::to_string(number++);
    static rte_mempool* const pool = *make_pool("shared", 4095);
    pool_ = pool;
    rx_ = rte_ring_create((name + "r").c_str(), 1024, SOCKET_ID_ANY, 0);
    tx_ = rte_ring_create((name + "t").c_str(), transmit_slots, SOCKET_ID_ANY, 0);
    const int ethdev = rte_eth_from_rings(name.c_str(), &rx_, 1, &tx_, 1, kAnySocket);
    start_port(static_cast<std::uint16_t>(ethdev));
    to_main_.emplace(*PacketRing::create(name + "m"));
    publish();

    Worker::Setup setup;
    setup.page = &workers_.at<fl_workers>(0)->worker[0];
    setup.tables = shm::GenerationReader(steering_region_, setup.page);
    setup.flows = *flow::FlowTable::attach({flows_.data(), flows_.bytes()});
    setup.decisions = 1024;
    setup.tsc_hz = rte_get_tsc_hz();
    WorkerPort port;
    port.queues = {{static_cast<std::uint16_t>(ethdev), 0}};
    port.punt = punt;
    port.fills_checksums = fills_checksums;
    port.hops = &hops_;
    port.to_main = &*to_main_;
    setup.ports.push_back(port);
    worker_.emplace(std::move(setup));
    path::NextHops hops;
    hops.own = {{2, 0, 0, 0, 0, 2}};
    hops.gateway4 = {{2, 0, 0, 0, 0, 3}};
    (void)hops_.offer(hops);
  }
  ~Bench() {
    if (thread_.joinable()) stop();
    while (rte_mbuf* m = sent()) rte_pktmbuf_free(m);
    while (rte_mbuf* m = to_main_->pop()) rte_pktmbuf_free(m);
  }

  void publish() {
    const base::Nanoseconds now = sys::monotonic_ns();
    const auto config = *config::parse_config(kConfig, "test");
    std::vector<steering::PoolIntent> pools;
    for (const model::Vip& vip : config.vips) {
      pools.push_back({vip, {}});
      for (const auto& b : vip.backends)
        pools.back().backends.push_back({b.weight, 0, FL_MEMBER_ACTIVE});
    }
    steering::NodeIntent node;
    node.address4 = config.node.address;
    const auto plan = *steering::Steering().plan(pools, node, now);
    const auto bank = *writer_.next_bank(now);
    ASSERT_TRUE(steering::encode(plan, bank.generation, now, bank.bytes));
    writer_.publish(now);
  }
  void receive(const testing::Frame& frame) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    std::memcpy(
        rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size()
    );
    ASSERT_EQ(rte_ring_enqueue(rx_, m), 0);
  }
  void start() {
    thread_ = std::jthread([this] {
      is_worker = true;
      worker_->run();
    });
  }
  /// Returns when everything received has been dealt with.
  void stop() {
    worker_->stop();
    thread_.join();
  }
  rte_mbuf* sent() {
    void* m = nullptr;
    return rte_ring_dequeue(tx_, &m) == 0 ? static_cast<rte_mbuf*>(m) : nullptr;
  }
  /// As if a process before us had been killed with this many packets in hand.
  void open_books(std::uint64_t packets) {
    workers_.at<fl_workers>(0)->worker[0].rx_packets += packets;
  }
  const fl_worker_page& page() { return worker_->page(); }
  std::uint32_t& owner() { return fl_sign_of(&workers_.at<fl_workers>(0)->worker[0])->owner; }
  std::uint64_t unaccounted() {
    std::uint64_t known = page().tx_packets + page().punted + page().answered;
    for (const std::uint64_t d : page().drops) known += d;
    return page().rx_packets - known;
  }
  Worker& worker() { return *worker_; }
  shm::GenerationWriter& writer() { return writer_; }

 private:
  void start_port(std::uint16_t ethdev) {
    const rte_eth_conf conf{};
    ASSERT_EQ(rte_eth_dev_configure(ethdev, 1, 1, &conf), 0);
    ASSERT_EQ(rte_eth_rx_queue_setup(ethdev, 0, 512, kAnySocket, nullptr, pool_), 0);
    ASSERT_EQ(rte_eth_tx_queue_setup(ethdev, 0, 512, kAnySocket, nullptr), 0);
    ASSERT_EQ(rte_eth_dev_start(ethdev), 0);
  }

  rte_mempool* pool_ = nullptr;
  rte_ring* rx_ = nullptr;
  rte_ring* tx_ = nullptr;
  Mailbox<path::NextHops> hops_;
  std::optional<PacketRing> to_main_;
  shm::Region steering_region_ = *shm::Region::anonymous(shm::steering_spec(kBank), 1);
  shm::Region workers_ = *shm::Region::anonymous(shm::workers_spec(), 1);
  shm::Region flows_ =
      *shm::Region::anonymous({FL_REGION_FLOWS, flow::FlowTable::region_bytes(1024), 1024}, 1);
  shm::GenerationWriter writer_{steering_region_, workers_};
  std::optional<Worker> worker_;
  std::jthread thread_;
};

testing::Frame syn(unsigned client) {
  return testing::packet()
      .ipv4("198.51.100." + std::to_string(client % 250 + 1), "203.0.113.10")
      .tcp(static_cast<std::uint16_t>(1024 + client), 80, "S")
      .build();
}
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
  while (__atomic_load_n(&bench.owner(), __ATOMIC_SEQ_CST) != FL_OWNER_DATAPLANE) continue;
  __atomic_store_n(&bench.owner(), FL_OWNER_GATE, __ATOMIC_SEQ_CST);
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
  bench.open_books(17);
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
