// SPDX-License-Identifier: BSD-3-Clause
// A crew of workers on ports of rings, with a published table; flows whose backends are noted.
#pragma once

#include <atomic>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <thread>

#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <gtest/gtest.h>

#include "control/config/config.hh"
#include "control/steering/steering.hh"
#include "dataplane/crew.hh"
#include "dataplane/eal.hh"
#include "dataplane/sys/system_clock.hh"
#include "tests/testing/packet_builder.hh"

namespace fairlead::dataplane {

constexpr std::uint64_t kBank = 1 << 20;
constexpr unsigned kMost = 3;
constexpr unsigned kFlows = 300;

inline std::string config_text(unsigned weight1, unsigned weight2) {
  return R"(
node: {id: t, address: 10.0.0.100}
vips:
  - name: web
    address: 203.0.113.10
    protocol: tcp
    port: 80
    encapsulation: ipip
    choices: 1
    backends: [{id: b1, address: 10.0.0.1, weight: )" +
         std::to_string(weight1) +
         "}, {id: b2, address: 10.0.0.2, weight: " + std::to_string(weight2) + "}]\n";
}

inline const Eal& environment() {
  static const Eal eal = [] {
    EalPlan plan;
    plan.file_prefix = "fl_crew_test" + std::to_string(::getpid());
    plan.memory_mb = 256;
    return std::move(*Eal::start(plan, false));
  }();
  return eal;
}

/// A port of rings that plays a device with several queues.
struct RingPort {
  RingPort(unsigned queues, const std::string& kind) {
    static unsigned number = 0;
    name = kind + std::to_string(number++);
    for (unsigned q = 0; q < queues; ++q) {
      const std::string id = name + "q" + std::to_string(q);
      rx.push_back(rte_ring_create((id + "r").c_str(), 4096, SOCKET_ID_ANY, 0));
      tx.push_back(rte_ring_create((id + "t").c_str(), 4096, SOCKET_ID_ANY, 0));
    }
    rte_eth_from_rings(name.c_str(), rx.data(), queues, tx.data(), queues, kAnySocket);
  }
  [[nodiscard]] std::string device() const { return "net_ring_" + name; }
  std::string name;
  std::vector<rte_ring*> rx;
  std::vector<rte_ring*> tx;
};

class CrewOnRings : public ::testing::Test {
 protected:
  CrewOnRings() {
    (void)environment();
    static rte_mempool* const shared = *make_pool("crew_shared", 16383);
    pool_ = shared;
    for (unsigned w = 0; w < kMost; ++w) {
      flows_.push_back(
          *shm::Region::anonymous({FL_REGION_FLOWS, flow::FlowTable::region_bytes(1024), 1024}, 1)
      );
    }
    publish(100, 100);
  }
  ~CrewOnRings() override {
    if (crew_) crew_->stop();
    for (const auto& station : stations_) {
      station->drop_packets();
      station->port.unplug();
    }
    for (const auto& port : rings_) {
      for (rte_ring* ring : port->rx) drain(ring);
      for (rte_ring* ring : port->tx) drain(ring);
    }
  }

  static void drain(rte_ring* ring) {
    void* m = nullptr;
    while (rte_ring_dequeue(ring, &m) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
  }
  void publish(unsigned weight1, unsigned weight2) {
    const base::Nanoseconds now = sys::monotonic_ns();
    const auto config = *config::parse_config(config_text(weight1, weight2), "test");
    steering::PoolIntent pool{config.vips[0], {}};
    for (const auto& b : config.vips[0].backends)
      pool.backends.push_back({b.weight, 0, FL_MEMBER_ACTIVE});
    node_.address4 = config.node.address;
    const auto plan = *steering_.plan({pool}, node_, now);
    const auto bank = *writer_.next_bank(now);
    ASSERT_TRUE(steering::encode(plan, bank.generation, now, bank.bytes));
    writer_.publish(now);
    steering_.commit(plan);
  }
  /// `kind`: begins the device's name. Whatever the port offers of checksums is used.
  RingPort& add_station(unsigned queues, const std::string& kind = "c") {
    rings_.push_back(std::make_unique<RingPort>(queues, kind));
    Station::Setup setup;
    setup.configured.device = rings_.back()->device();
    setup.configured.checksums = model::Checksums::kAuto;
    setup.node.address = net::IpAddr::v4(10, 0, 0, 100);
    setup.configured.gateway_mac = net::MacAddr{{2, 0, 0, 0, 0, 3}};
    setup.number = static_cast<unsigned>(stations_.size()) + 10 * next_station_++;
    setup.queues = {kMost, 1};
    setup.main_pool = pool_;
    stations_.push_back(*Station::open(setup));
    return *rings_.back();
  }
  /// `found`: workers of a process before us, which left their flows.
  void start(unsigned workers, unsigned found = 0) {
    Crew::Setup setup;
    setup.found = found;
    setup.tables_found = found != 0;
    setup.cores = std::vector<unsigned>(kMost, 0);
    for (auto& region : flows_) {
      setup.tables.push_back(*flow::FlowTable::attach({region.data(), region.bytes()}));
    }
    setup.longest_idle = [this] { return longest_idle_; };
    setup.pages = workers_.at<fl_workers>(0);
    setup.worker = [this](unsigned number) {
      Worker::Setup worker;
      worker.number = number;
      worker.page = &workers_.at<fl_workers>(0)->worker[number];
      worker.tables = shm::GenerationReader(steering_region_, worker.page);
      worker.flows = *flow::FlowTable::attach({flows_[number].data(), flows_[number].bytes()});
      worker.tsc_hz = rte_get_tsc_hz();
      return worker;
    };
    crew_ = std::make_unique<Crew>(std::move(setup));
    ASSERT_TRUE(crew_->arrange(stations_, workers));
    tick();
  }
  void tick() {
    const base::Nanoseconds now = sys::monotonic_ns();
    for (const auto& station : stations_) station->neighbours->tick({}, now);
    crew_->tick(now);
  }
  void receive(rte_ring* ring, unsigned client, const char* flags) {
    const testing::Frame frame =
        testing::packet()
            .ipv4("198.51.100." + std::to_string(client % 250 + 1), "203.0.113.10")
            .tcp(static_cast<std::uint16_t>(1024 + client), 80, flags);
    rte_mbuf* const m = buffer_with(frame);
    while (rte_ring_enqueue(ring, m) != 0) std::this_thread::yield();
    ++sent_;
  }
  rte_mbuf* buffer_with(std::span<const std::uint8_t> frame) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    EXPECT_NE(m, nullptr);
    std::memcpy(
        rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size()
    );
    return m;
  }
  /// Takes what came out; notes each flow's backend (last byte of the outer destination).
  void collect(const RingPort& port) {
    for (rte_ring* ring : port.tx) {
      void* out = nullptr;
      while (rte_ring_dequeue(ring, &out) == 0) {
        auto* m = static_cast<rte_mbuf*>(out);
        const auto* bytes = rte_pktmbuf_mtod(m, const std::uint8_t*);
        const unsigned client = (bytes[54] << 8U | bytes[55]) - 1024U;
        backends_[client].insert(bytes[33]);
        ++came_;
        rte_pktmbuf_free(m);
      }
    }
  }
  /// Until everything sent has come out, or 20 s.
  void collect_all(const RingPort& port) {
    const base::Nanoseconds deadline = sys::monotonic_ns() + 20 * base::kSecond;
    while (came_ < sent_ && sys::monotonic_ns() < deadline) {
      collect(port);
      tick();
      std::this_thread::yield();
    }
    EXPECT_EQ(came_, sent_) << "packets were lost";
  }
  void establish(const RingPort& port, unsigned queues) {
    for (const char* flags : {"S", "A"}) {
      for (unsigned client = 0; client < kFlows; ++client) {
        receive(port.rx[client % queues], client, flags);
      }
      collect_all(port);
    }
  }
  /// Every flow has gone to one backend, and both have some.
  void expect_nothing_moved() {
    std::set<unsigned> all;
    for (const auto& [client, where] : backends_) {
      EXPECT_EQ(where.size(), 1U) << "flow " << client << " moved";
      all.insert(where.begin(), where.end());
    }
    EXPECT_EQ(backends_.size(), kFlows);
    EXPECT_EQ(all.size(), 2U);
  }
  /// The worker of this queue hangs, with a packet in hand, until wake().
  void hang_at(const Queue& queue, rte_ring* receives) {
    ASSERT_NE(rte_eth_add_rx_callback(queue.ethdev, queue.queue, hang, nullptr), nullptr);
    hangs_ = false;
    shall_hang_ = true;
    receive(receives, 0, "S");
    while (!hangs_) std::this_thread::yield();
  }
  static void wake() { shall_hang_ = false; }
  static std::uint16_t
  hang(std::uint16_t, std::uint16_t, rte_mbuf**, std::uint16_t count, std::uint16_t, void*) {
    if (count != 0) hangs_ = true;
    while (hangs_ && shall_hang_) std::this_thread::yield();
    return count;
  }
  std::uint64_t in_flight() {
    std::uint64_t sum = 0;
    for (unsigned w = 0; w < crew_->known(); ++w) {
      for (const auto& backend : crew_->worker(w).page().backends) sum += backend.in_flight;
    }
    return sum;
  }
  const fl_worker_page& page(unsigned worker) { return crew_->worker(worker).page(); }

  rte_mempool* pool_ = nullptr;
  shm::Region steering_region_ = *shm::Region::anonymous(shm::steering_spec(kBank), 1);
  shm::Region workers_ = *shm::Region::anonymous(shm::workers_spec(), 1);
  std::vector<shm::Region> flows_;
  shm::GenerationWriter writer_{steering_region_, workers_};
  steering::Steering steering_;
  steering::NodeIntent node_;
  std::vector<std::unique_ptr<RingPort>> rings_;
  Crew::Stations stations_;
  std::unique_ptr<Crew> crew_;
  base::Nanoseconds longest_idle_ = 300 * base::kSecond;
  std::uint64_t sent_ = 0;
  std::uint64_t came_ = 0;
  std::map<unsigned, std::set<unsigned>> backends_;
  static inline unsigned next_station_ = 1;
  static inline std::atomic<bool> hangs_{false};
  static inline std::atomic<bool> shall_hang_{true};
};

}  // namespace fairlead::dataplane
