// SPDX-License-Identifier: BSD-3-Clause
// What differs from port to port and belongs to one of them: who fills in checksums, the way to the
// main thread and back, counters. Devices' answers are played: the functions of rte_ethdev.h
// defined here take the library's place.
#include <dlfcn.h>

#include <rte_ip.h>

#include <gtest/gtest.h>

#include "dataplane/forward.hh"
#include "tests/testing/eventually.hh"
#include "tests/unit/dataplane/process/crew_on_rings.hh"

namespace {

/// Begin the names of ring devices that offer to fill in checksums of IPv4 headers; those of the
/// second kind cannot be configured so.
constexpr const char* kFillsChecksums = "fills";
constexpr const char* kOnlySaysSo = "fills_not";

int link_is_up = 1;

bool has_name(std::uint16_t ethdev, const char* kind) {
  char name[RTE_ETH_NAME_MAX_LEN] = {};
  (void)rte_eth_dev_get_name_by_port(ethdev, name);
  return std::strstr(name, kind) != nullptr;
}

template <typename Function>
Function library_s(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {
int rte_eth_dev_info_get(std::uint16_t ethdev, rte_eth_dev_info* info) {
  static const auto real =
      library_s<int (*)(std::uint16_t, rte_eth_dev_info*)>("rte_eth_dev_info_get");
  const int result = real(ethdev, info);
  if (has_name(ethdev, kFillsChecksums)) info->tx_offload_capa |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
  return result;
}
int rte_eth_dev_configure(
    std::uint16_t ethdev, std::uint16_t rx, std::uint16_t tx, const rte_eth_conf* conf
) {
  using Function = int (*)(std::uint16_t, std::uint16_t, std::uint16_t, const rte_eth_conf*);
  static const auto real = library_s<Function>("rte_eth_dev_configure");
  if (conf->txmode.offloads != 0 && has_name(ethdev, kOnlySaysSo)) return -EINVAL;
  return real(ethdev, rx, tx, conf);
}
int rte_eth_stats_get(std::uint16_t, rte_eth_stats* stats) {
  *stats = {};
  stats->ipackets = 1;
  stats->opackets = 2;
  stats->ibytes = 30;
  stats->obytes = 40;
  stats->imissed = 500;
  stats->ierrors = 1000;
  stats->oerrors = 2000;
  stats->rx_nombuf = 7000;
  return 0;
}
int rte_eth_macaddr_get(std::uint16_t ethdev, rte_ether_addr* address) {
  *address = {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(ethdev)}};
  return 0;
}
int rte_eth_link_get_nowait(std::uint16_t, rte_eth_link* link) {
  *link = {};
  link->link_status = link_is_up & 1;
  return 0;
}
}

namespace fairlead::dataplane {
namespace {

class PortsOfACrew : public CrewOnRings {
 protected:
  /// The next frame out of a port's queue; null: none for ten seconds.
  rte_mbuf* next_of(rte_ring* ring) {
    void* out = nullptr;
    testing::eventually([&] {
      for (const auto& station : stations_) station->carry(sys::monotonic_ns());
      tick();
      return rte_ring_dequeue(ring, &out) == 0;
    });
    return static_cast<rte_mbuf*>(out);
  }
};

TEST_F(PortsOfACrew, OneWithoutTheBitGetsItsChecksumsFromUsAlthoughItsNeighboursHaveIt) {
  std::vector<RingPort*> ports;
  for (const char* kind : {kFillsChecksums, "c", kFillsChecksums, kOnlySaysSo})
    ports.push_back(&add_station(1, kind));
  start(1);

  const std::string who[] = {"port", "software (not offered)", "port", "software (refused)"};
  for (std::size_t p = 0; p < ports.size(); ++p) {
    const bool fills = p % 2 == 0;
    EXPECT_EQ(describe(stations_[p]->port.checksums()), who[p]);
    receive(ports[p]->rx[0], 1, "S");
    rte_mbuf* const out = next_of(ports[p]->tx[0]);
    ASSERT_NE(out, nullptr);
    const auto* const outer = rte_pktmbuf_mtod_offset(out, const rte_ipv4_hdr*, 14);
    EXPECT_EQ((out->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0, fills) << "port " << p;
    EXPECT_EQ(outer->hdr_checksum == 0, fills) << "port " << p;
    if (!fills) {
      EXPECT_EQ(rte_ipv4_cksum(outer), 0) << "a right sum sums to nothing";
    }
    rte_pktmbuf_free(out);
  }
}

TEST_F(PortsOfACrew, OneWithFewerQueuesThanThereMustBeIsRefused) {
  const RingPort port(2, "c");
  Station::Setup setup;
  setup.configured.device = port.device();
  setup.number = 999;
  setup.queues = {kMost, 3};

  const auto refused = Station::open(setup);

  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("has 2 queues for 3 workers"), std::string::npos)
      << refused.error().what;
}

TEST_F(PortsOfACrew, AQuestionForTheNodeIsAnsweredByTheMainThreadOutOfTheSamePort) {
  add_station(2);
  RingPort& asked = add_station(2);
  start(2);
  const OwnAddresses router{{{2, 0, 0, 0, 0, 9}}, net::IpAddr::v4(10, 0, 0, 1), std::nullopt};
  const auto question = *ask(net::IpAddr::v4(10, 0, 0, 100), router);
  ASSERT_EQ(rte_ring_enqueue(asked.rx[1], buffer_with(question.view())), 0);  // another worker's

  rte_mbuf* const out = next_of(asked.tx[0]);

  ASSERT_NE(out, nullptr);
  const Heard heard = hear({rte_pktmbuf_mtod(out, const std::uint8_t*), out->data_len}, router);
  ASSERT_TRUE(heard.neighbour);
  EXPECT_EQ(heard.neighbour->address, net::IpAddr::v4(10, 0, 0, 100));
  EXPECT_EQ(heard.neighbour->mac, stations_[1]->port.mac());
  rte_pktmbuf_free(out);
}

/// A process around the stations, as far as ports are concerned.
class PortPages : public PortsOfACrew {
 protected:
  /// Of port 3.
  const fl_port_page& look(base::Nanoseconds now) {
    Forwarder f(config_);
    f.regions.workers = std::move(pages_);
    f.stations = std::move(stations_);
    f.stations.front()->number = 3;
    watch_ports(f, now);
    pages_ = std::move(f.regions.workers);
    stations_ = std::move(f.stations);
    return pages_.at<fl_workers>(0)->port[3];
  }
  const config::Config config_ = *config::parse_config(config_text(1, 1), "test");
  shm::Region pages_ = *shm::Region::anonymous(shm::workers_spec(), 1);
};

TEST_F(PortPages, SayWhatTheDeviceCounts) {
  add_station(2);

  const fl_port_page& page = look(7 * base::kSecond);

  EXPECT_EQ(page.rx_packets, 1U);
  EXPECT_EQ(page.tx_packets, 2U);
  EXPECT_EQ(page.rx_bytes, 30U);
  EXPECT_EQ(page.tx_bytes, 40U);
  EXPECT_EQ(page.missed, 500U);
  EXPECT_EQ(page.errors, 3000U) << "of both directions";
  EXPECT_EQ(page.no_buffer, 7000U);
  EXPECT_EQ(page.updated_ns, 7 * base::kSecond);
  EXPECT_EQ(page.queues, 2U);
  EXPECT_EQ(page.steering, std::uint32_t{FL_STEERING_DEVICE});
  EXPECT_EQ(page.link_up, 1U);
}

// Nobody has read its queues: it can go. The next one gets its number and the names of its rings.
TEST_F(PortPages, APortThatAHangingWorkerCannotBeGivenIsNotThere) {
  RingPort& port = add_station(1);
  start(2);
  hang_at(stations_.front()->port.queue(0), port.rx[0]);
  Forwarder f(config_);
  f.regions.workers = std::move(pages_);
  f.main_pool = pool_;
  f.crew_cores = std::vector<unsigned>(kMost, 0);
  f.stations = std::move(stations_);
  f.crew = std::move(crew_);
  model::Port asked;
  asked.device = "net_null_late";
  asked.gateway_mac = net::MacAddr{{2, 0, 0, 0, 0, 3}};

  for (const char* const why : {"does not answer", "hangs"}) {
    const auto refused = add_port(f, asked);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::kUnavailable);
    EXPECT_NE(refused.error().what.find(why), std::string::npos) << refused.error().what;
    EXPECT_EQ(f.stations.size(), 1U);
  }
  wake();
  base::Result<unsigned> added = 0U;
  testing::eventually([&] {
    added = add_port(f, asked);
    return added.has_value();
  });

  EXPECT_TRUE(added) << added.error().what;
  EXPECT_EQ(f.stations.size(), 2U);
  stations_ = std::move(f.stations);
  crew_ = std::move(f.crew);
}

// It was given before the worker hung, or while: then nobody knows whether it is about to be read.
TEST_F(PortsOfACrew, OneThatAHangingWorkerHasIsNotFreeUntilItAnswers) {
  RingPort& port = add_station(1);
  add_station(2);
  start(2);
  Station& second = *stations_.back();
  EXPECT_TRUE(crew_->may_touch(second));
  hang_at(stations_.front()->port.queue(0), port.rx[0]);

  EXPECT_FALSE(crew_->leave(stations_, second));
  EXPECT_TRUE(crew_->may_touch(second)) << "the other worker has left";

  wake();
  testing::eventually([&] { return crew_->leave(stations_, second).has_value(); });
  EXPECT_FALSE(crew_->may_touch(second));
}

TEST_F(PortPages, SayWhetherTheLinkIsUp) {
  add_station(1);
  look(1 * base::kSecond);

  link_is_up = 0;
  EXPECT_EQ(look(2 * base::kSecond).link_up, 0U);
  link_is_up = 1;
  const fl_port_page& page = look(3 * base::kSecond);
  EXPECT_EQ(page.link_up, 1U);
  EXPECT_EQ(page.link_changes, 2U);
}

}  // namespace
}  // namespace fairlead::dataplane
