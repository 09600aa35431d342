// SPDX-License-Identifier: BSD-3-Clause
// RSS plans, sizes and the watch: what a port does, without a port.
#include <set>

#include <rte_thash.h>

#include <gtest/gtest.h>

#include "control/config/config.hh"
#include "dataplane/checksums.hh"
#include "dataplane/forward.hh"
#include "dataplane/port_watch.hh"
#include "dataplane/rss.hh"
#include "dataplane/sizing.hh"

namespace fairlead::dataplane {
namespace {

rte_eth_dev_info device(std::uint64_t types, std::uint8_t key, std::uint16_t table) {
  rte_eth_dev_info info{};
  info.flow_type_rss_offloads = types;
  info.hash_key_size = key;
  info.reta_size = table;
  return info;
}

TEST(Rss, TakesWhatTheDeviceKnowsOfIpTcpAndUdp) {
  const auto full = plan_rss(
      device(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_ESP, 52, 512), 4
  );
  EXPECT_EQ(full.hash_types, RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
  EXPECT_EQ(full.key.size(), 52U);
  EXPECT_EQ(full.table_size, 512U);
  EXPECT_EQ(describe(full), "tcp,udp,ip symmetric");

  EXPECT_EQ(describe(plan_rss(device(RTE_ETH_RSS_IPV4, 40, 0), 2)), "ip symmetric");
  EXPECT_FALSE(plan_rss(device(0, 0, 0), 2).enabled());
  EXPECT_FALSE(plan_rss(device(RTE_ETH_RSS_IP, 40, 128), 1).enabled()) << "one queue";
}

TEST(Rss, GivesUpTheKeyBeforeTheSpread) {
  RssPlan plan = plan_rss(device(RTE_ETH_RSS_IP, 40, 128), 2);

  plan = weaker(plan);
  EXPECT_EQ(describe(plan), "ip device-key");
  plan = weaker(plan);
  EXPECT_EQ(describe(plan), "none");
}

TEST(Rss, BothDirectionsOfAFlowHashAlikeAndDifferentFlowsDifferently) {
  const std::vector<std::uint8_t> key = symmetric_key(40);
  std::set<std::uint32_t> hashes;
  for (std::uint32_t i = 1; i < 100; ++i) {
    std::uint32_t there[3] = {0xc6336401 + i, 0xcb00710a, 40000U << 16 | 80};
    std::uint32_t back[3] = {0xcb00710a, 0xc6336401 + i, 80U << 16 | 40000};
    hashes.insert(rte_softrss(there, 3, key.data()));
    EXPECT_EQ(rte_softrss(there, 3, key.data()), rte_softrss(back, 3, key.data()));
  }
  EXPECT_GT(hashes.size(), 90U);
}

TEST(Rss, ADeviceThatDoesNotSayHowLongItsKeyIsGetsOneOfTheUsualLength) {
  EXPECT_EQ(plan_rss(device(RTE_ETH_RSS_IP, 0, 128), 2).key, symmetric_key(40));
}

TEST(Rss, IsConfiguredAsPlanned) {
  RssPlan plan = plan_rss(device(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP, 52, 128), 2);
  rte_eth_conf conf{};
  apply_rss(plan, conf);
  EXPECT_EQ(conf.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
  EXPECT_EQ(conf.rx_adv_conf.rss_conf.rss_hf, RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP);
  EXPECT_EQ(conf.rx_adv_conf.rss_conf.rss_key, plan.key.data());
  EXPECT_EQ(conf.rx_adv_conf.rss_conf.rss_key_len, 52);

  RssPlan own_key = weaker(plan);
  apply_rss(own_key, conf);
  EXPECT_EQ(conf.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
  EXPECT_EQ(conf.rx_adv_conf.rss_conf.rss_key, nullptr) << "the device's own";
  EXPECT_EQ(conf.rx_adv_conf.rss_conf.rss_key_len, 0);

  RssPlan none = weaker(own_key);
  apply_rss(none, conf);
  EXPECT_EQ(conf.rxmode.mq_mode, RTE_ETH_MQ_RX_NONE);
  EXPECT_EQ(conf.rx_adv_conf.rss_conf.rss_hf, 0U);
}

// Each bit that DPDK has, alone and in all company that could be taken for it.
TEST(Checksums, OnlyTheBitOfIpv4HeadersCountsWhateverElseIsOffered) {
  constexpr std::uint64_t kBit = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
  constexpr std::uint64_t kKin[] = {
      RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
      RTE_ETH_TX_OFFLOAD_UDP_CKSUM,
      RTE_ETH_TX_OFFLOAD_SCTP_CKSUM,
      RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM,
      RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM,
      RTE_ETH_TX_OFFLOAD_TCP_TSO,
      RTE_ETH_TX_OFFLOAD_IPIP_TNL_TSO,
      RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE};
  for (unsigned company = 0; company < 1U << std::size(kKin); ++company) {
    std::uint64_t others = 0;
    for (unsigned k = 0; k < std::size(kKin); ++k) others |= company >> k & 1U ? kKin[k] : 0;
    for (const std::uint64_t offers : {others, others | kBit}) {
      for (const auto wanted : {model::Checksums::kSoftware, model::Checksums::kAuto}) {
        const bool expected = wanted == model::Checksums::kAuto && (offers & kBit) != 0;
        const ChecksumPlan plan = plan_checksums(wanted, offers);
        rte_eth_conf conf{};
        apply_checksums(plan, conf);
        EXPECT_EQ(plan.by_port, expected) << offers;
        EXPECT_EQ(conf.txmode.offloads, expected ? kBit : 0) << offers;
        EXPECT_EQ(conf.rxmode.offloads, 0U) << "the stages verify";
      }
    }
  }
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t offers = std::uint64_t{1} << bit;
    EXPECT_EQ(plan_checksums(model::Checksums::kAuto, offers).by_port, offers == kBit) << bit;
  }
}

TEST(Checksums, SayWhoFillsThemInAndWhyNotThePort) {
  constexpr std::uint64_t kBit = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
  const ChecksumPlan plan = plan_checksums(model::Checksums::kAuto, kBit);
  EXPECT_EQ(describe(plan), "port");
  EXPECT_EQ(describe(weaker(plan)), "software (refused)");
  EXPECT_EQ(describe(plan_checksums(model::Checksums::kAuto, ~kBit)), "software (not offered)");
  EXPECT_EQ(describe(plan_checksums(model::Checksums::kSoftware, kBit)), "software");
}

TEST(Sizes, RespectTheDevice) {
  const QueueSizes plain = size_queue("net_null0", {}, 0);
  EXPECT_EQ(plain.rx_descriptors, 1024U);
  EXPECT_GT(plain.buffers, 2 * 1024U + 512U);

  const QueueSizes small =
      size_queue("net_null0", {.rx_max = 500, .rx_align = 32, .tx_min = 2048}, 0);
  EXPECT_EQ(small.rx_descriptors, 480U);
  EXPECT_EQ(small.tx_descriptors, 2048U);
}

TEST(Sizes, ABuffersOfAQueueAreWhatRingsHoldAndWhatIsInHand) {
  constexpr std::uint32_t kInHand = path::kPacketsInTurn + PacketRing::kPackets;
  for (unsigned halvings = 0; halvings < 3; ++halvings) {
    const QueueSizes sizes = size_queue("net_null0", {.rx_max = 512, .tx_max = 768}, halvings);
    const std::uint32_t held = sizes.rx_descriptors + sizes.tx_descriptors;
    EXPECT_GE(sizes.buffers, held + kPoolCache + kInHand);
    EXPECT_LE(sizes.buffers, held + 1023);
  }
}

TEST(Sizes, AreWholeStepsOfTheDevice) {
  const QueueSizes sizes = size_queue(
      "net_null0",
      {.rx_max = 4000, .rx_min = 1800, .rx_align = 600, .tx_max = 1000, .tx_align = 300},
      0
  );
  EXPECT_EQ(sizes.rx_descriptors, 1800U) << "no fewer than the least, in whole steps";
  EXPECT_EQ(sizes.tx_descriptors, 900U) << "no more than the most";
  EXPECT_EQ(size_queue("net_null0", {.rx_max = 0, .rx_align = 0}, 0).rx_descriptors, 1024U)
      << "0: the device does not say";
}

TEST(Sizes, MemoryHasRoomForEveryBuffer) {
  for (const std::uint64_t buffers : {511ULL, 3071ULL, 1'000'000ULL}) {
    const std::uint64_t bytes = std::uint64_t{buffer_memory_mb(buffers)} << 20;
    EXPECT_GT(bytes, buffers * (kBufferBytes + sizeof(rte_mbuf)));
  }
}

TEST(Sizes, AfXdpHasItsFillRingAndIsNeverHalved) {
  const QueueSizes sizes = size_queue("net_af_xdp0,iface=e", {}, 3);
  EXPECT_EQ(sizes.rx_descriptors, 2048U);
  EXPECT_GE(sizes.buffers, 3 * 2048U) << "fill ring, received, to be sent";
  EXPECT_FALSE(may_halve(sizes, "net_af_xdp0,iface=e"));
}

TEST(Sizes, ShortMemoryHalvesRingsDownToABurstOrEight) {
  unsigned halvings = 0;
  while (may_halve(size_queue("net_null0", {}, halvings), "net_null0")) ++halvings;
  EXPECT_EQ(halvings, 2U);
  EXPECT_EQ(size_queue("net_null0", {}, halvings).rx_descriptors, kFewestDescriptors);
  EXPECT_EQ(size_queue("net_null0", {}, 9).rx_descriptors, kFewestDescriptors);
}

TEST(Cores, WorkersBeyondTheListGoToIdleCores) {
  config::Workers workers;
  workers.count = 1;
  workers.most = 4;
  workers.cores = {1};

  EXPECT_EQ(worker_cores(workers, {0, 1, 2}), (std::vector<unsigned>{1, 0, 2, 0}));
}

constexpr const char* kPlanned = R"(
node: {id: n7, address: 10.0.0.100}
workers: {count: 1, max: 2}
memory: {hugepages: off}
ports:
  - {device: "net_af_packet0,iface=lo"}
  - {device: "net_null1", punt_tap: kernel1}
vips:
  - name: web
    address: 203.0.113.10
    protocol: tcp
    port: 80
    backends: [{id: b1, address: 10.0.0.1}]
)";

TEST(Plan, HasTheDevicesAndRoomForTheBuffersOfAllQueuesThatThereMayBe) {
  const auto config = config::parse_config(kPlanned, "test");
  ASSERT_TRUE(config) << config.error().what;

  const auto plan = make_plan(*config, {});

  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->file_prefix, "fl_n7");
  EXPECT_EQ(
      plan->devices,
      (std::vector<std::string>{
          "net_af_packet0,iface=lo,qpairs=2", "net_null1", "net_tap_punt1,iface=kernel1"})
  );
  EXPECT_FALSE(plan->hugepages);
  const std::uint64_t buffers =
      kMainBuffers + 4 * size_queue("net_null0", {}, 0).buffers + kTapBuffers;
  EXPECT_GE(plan->memory_mb, buffer_memory_mb(buffers) + 64) << "and for ports that come later";
  EXPECT_LE(plan->memory_mb, buffer_memory_mb(buffers) + 65);
}

TEST(Plan, TheCommandLineDecidesAboutHugepagesBeforeTheConfiguration) {
  const auto config = config::parse_config(kPlanned, "test");
  ASSERT_TRUE(config) << config.error().what;
  Options options;
  options.hugepages = Hugepages::kOn;
  options.eal = {"--log-level=8"};

  const auto plan = make_plan(*config, options);

  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_TRUE(plan->hugepages);
  EXPECT_LT(plan->memory_mb, make_plan(*config, {})->memory_mb) << "hugepages can grow";
  EXPECT_EQ(plan->extra, options.eal);
}

class Watch : public ::testing::Test {
 protected:
  std::string next() { return watch_.look(counters_, now_ += base::kSecond); }
  PortCounters counters_;
  base::Nanoseconds now_ = 100 * base::kSecond;
  PortWatch watch_;
};

TEST_F(Watch, TellsOfTheLinkOncePerChange) {
  EXPECT_EQ(next(), "");
  counters_.link_up = false;
  EXPECT_NE(next().find("link down"), std::string::npos);
  EXPECT_EQ(next(), "");
  counters_.link_up = true;
  EXPECT_EQ(next(), "link up");
  EXPECT_EQ(watch_.link_changes(), 2U);
}

TEST_F(Watch, TellsOfADeviceThatWentAway) {
  next();
  counters_.present = counters_.link_up = false;
  EXPECT_NE(next().find("gone"), std::string::npos);
  counters_.present = counters_.link_up = true;
  EXPECT_EQ(next(), "back again");
}

TEST_F(Watch, MissedPacketsAreToldOnceAMinute) {
  next();
  unsigned told = 0;
  for (unsigned second = 0; second < 130; ++second) {
    counters_.missed += 5;
    counters_.rx_packets += 1000;
    if (next().find("misses packets: 5") != std::string::npos) ++told;
  }
  EXPECT_EQ(told, 3U);
  EXPECT_EQ(watch_.missing(), 5U);
  EXPECT_EQ(watch_.stalls(), 0U);
}

TEST_F(Watch, MissingWhileNothingIsReceivedIsAStall) {
  next();
  std::string all;
  for (unsigned second = 0; second < 10; ++second) {
    counters_.no_buffer += 100;
    all += next();
  }
  EXPECT_NE(all.find("reception stalled"), std::string::npos);
  EXPECT_EQ(watch_.stalls(), 1U) << "once, while it lasts";
  counters_.rx_packets += 1;
  next();
  for (unsigned second = 0; second < 10; ++second) {
    counters_.missed += 100;
    next();
  }
  EXPECT_EQ(watch_.stalls(), 2U);
}

TEST_F(Watch, AQuietPortIsNotStalled) {
  for (unsigned second = 0; second < 10; ++second) EXPECT_EQ(next(), "");
  EXPECT_EQ(watch_.stalls(), 0U);
}

}  // namespace
}  // namespace fairlead::dataplane
