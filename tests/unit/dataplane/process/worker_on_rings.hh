// SPDX-License-Identifier: BSD-3-Clause
// One worker whose port is rings, with a published table.
#pragma once

#include <cstring>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <gtest/gtest.h>

#include "control/config/config.hh"
#include "control/steering/steering.hh"
#include "dataplane/eal.hh"
#include "dataplane/sys/system_clock.hh"
#include "dataplane/worker.hh"
#include "tests/testing/packet_builder.hh"

namespace fairlead::dataplane {

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

inline const Eal& environment() {
  static const Eal eal = [] {
    EalPlan plan;
    plan.file_prefix = "fl_worker_test" + std::to_string(::getpid());
    return std::move(*Eal::start(plan, false));
  }();
  return eal;
}

/// In the worker's thread.
inline thread_local bool is_worker = false;

/// Called by the worker's thread in the driver, with packets in hand.
using Hook = std::function<void()>;

/// A worker whose port is two rings for each queue, with a published table.
class Bench {
 public:
  /// `clock_share`: of the clock's real rate, what the worker is told.
  explicit Bench(
      unsigned transmit_slots = 1024,
      PuntPath punt = PuntPath::kNone,
      bool fills_checksums = false,
      unsigned queues = 1,
      std::uint64_t clock_share = 1
  ) {
    (void)environment();
    static unsigned number = 0;
    const std::string name = "t" + std::to_string(number++);
    static rte_mempool* const pool = *make_pool("shared", 4095);
    pool_ = pool;
    for (unsigned q = 0; q < queues; ++q) {
      const std::string id = name + "q" + std::to_string(q);
      rx_.push_back(rte_ring_create((id + "r").c_str(), 1024, SOCKET_ID_ANY, 0));
      tx_.push_back(rte_ring_create((id + "t").c_str(), transmit_slots, SOCKET_ID_ANY, 0));
    }
    port_ = static_cast<std::uint16_t>(
        rte_eth_from_rings(name.c_str(), rx_.data(), queues, tx_.data(), queues, kAnySocket)
    );
    start_port(static_cast<std::uint16_t>(queues));
    to_main_.emplace(*PacketRing::create(name + "m"));
    publish();

    Worker::Setup setup;
    setup.page = &workers_.at<fl_workers>(0)->worker[0];
    setup.tables = shm::GenerationReader(steering_region_, setup.page);
    setup.flows = *flow::FlowTable::attach({flows_.data(), flows_.bytes()});
    setup.decisions = 1024;
    setup.tsc_hz = rte_get_tsc_hz() / clock_share;
    WorkerPort port;
    for (unsigned q = 0; q < queues; ++q)
      port.queues.push_back({port_, static_cast<std::uint16_t>(q)});
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
  void receive(const testing::Frame& frame, unsigned queue = 0) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    std::memcpy(
        rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size()
    );
    ASSERT_EQ(rte_ring_enqueue(rx_[queue], m), 0);
  }
  /// `hook` runs inside every receive call that found packets, before the worker has them.
  void at_receive(Hook& hook, std::uint16_t queue = 0) {
    const auto run = [](auto, auto, rte_mbuf**, std::uint16_t count, auto, void* it) {
      if (count != 0) (*static_cast<Hook*>(it))();
      return count;
    };
    ASSERT_NE(rte_eth_add_rx_callback(port_, queue, run, &hook), nullptr);
  }
  /// And inside every transmit call.
  void at_transmit(Hook& hook, std::uint16_t queue = 0) {
    const auto run = [](auto, auto, rte_mbuf**, std::uint16_t count, void* it) {
      if (count != 0) (*static_cast<Hook*>(it))();
      return count;
    };
    ASSERT_NE(rte_eth_add_tx_callback(port_, queue, run, &hook), nullptr);
  }
  void start() {
    worker_->rearm();
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
    for (rte_ring* ring : tx_)
      if (rte_ring_dequeue(ring, &m) == 0) return static_cast<rte_mbuf*>(m);
    return nullptr;
  }
  fl_worker_page& page() { return workers_.at<fl_workers>(0)->worker[0]; }
  fl_sign& sign() { return *fl_sign_of(&page()); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  std::uint64_t unaccounted() {
    std::uint64_t known = page().tx_packets + page().punted + page().answered;
    for (const std::uint64_t d : page().drops) known += d;
    return page().rx_packets - known;
  }
  Worker& worker() { return *worker_; }
  shm::GenerationWriter& writer() { return writer_; }

 private:
  void start_port(std::uint16_t queues) {
    const rte_eth_conf conf{};
    ASSERT_EQ(rte_eth_dev_configure(port_, queues, queues, &conf), 0);
    for (std::uint16_t q = 0; q < queues; ++q) {
      ASSERT_EQ(rte_eth_rx_queue_setup(port_, q, 512, kAnySocket, nullptr, pool_), 0);
      ASSERT_EQ(rte_eth_tx_queue_setup(port_, q, 512, kAnySocket, nullptr), 0);
    }
    ASSERT_EQ(rte_eth_dev_start(port_), 0);
  }

  rte_mempool* pool_ = nullptr;
  std::uint16_t port_ = 0;
  std::vector<rte_ring*> rx_;  // by queue
  std::vector<rte_ring*> tx_;
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

inline testing::Frame syn(unsigned client) {
  return testing::packet()
      .ipv4("198.51.100." + std::to_string(client % 250 + 1), "203.0.113.10")
      .tcp(static_cast<std::uint16_t>(1024 + client), 80, "S")
      .build();
}

}  // namespace fairlead::dataplane
