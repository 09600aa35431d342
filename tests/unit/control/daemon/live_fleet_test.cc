// SPDX-License-Identifier: BSD-3-Clause
// Real fairlead-control and fairlead-monitor processes; the test is their data plane and agents.
#include <cmath>
#include <csignal>

#include <gtest/gtest.h>

#include "dataplane/shm/region.hh"
#include "tests/unit/control/daemon/running_control.hh"
#include "tests/unit/control/daemon/running_monitor.hh"

namespace fairlead::control {
namespace {

/// One worker that forwards nothing: its page is written by hand.
class Plane {
 public:
  explicit Plane(const std::string& folder) {
    auto region = shm::Region::create_or_attach(folder + "/run/workers", shm::workers_spec(), 1);
    auto scores = shm::Region::create_or_attach(folder + "/run/scores", shm::scores_spec(), 1);
    EXPECT_TRUE(region && scores);
    workers_ = std::move(*region);
    scores_ = std::move(*scores);
    workers_.at<fl_workers>(0)->worker_count = 1;
  }
  void set(std::uint32_t backend, std::uint32_t in_flight) {
    workers_.at<fl_workers>(0)->worker[0].backends[backend].in_flight = in_flight;
  }
  /// The worker has forwarded `packets` in about so long.
  void forwarded(std::uint64_t ns, std::uint64_t packets) {
    workers_.at<fl_workers>(0)->worker[0].latency[fl_latency_bucket(ns)] += packets;
  }
  [[nodiscard]] std::uint32_t external(std::uint32_t backend) {
    return __atomic_load_n(&scores_.at<fl_scores>(0)->score[0][backend].external, __ATOMIC_RELAXED);
  }

 private:
  shm::Region workers_;
  shm::Region scores_;
};

/// Two nodes and up to two monitors, all with the same vips.
class FleetTest : public testing::Test {
 protected:
  void SetUp() override {
    one.serve_metrics();
    write("lb1", one);
    write("lb2", two);
    first.start();
    second.start();
    one.start();
    two.start();
  }
  void write(const std::string& id, const RunningControl& node) const {
    node.write_file(
        "node: {id: " + id + ", address: 192.0.2.11, runtime_dir: " + node.folder() +
        "/run}\nmetrics: {listen: " + node.metrics_listen() +
        "}\nhealth: {type: none}\npolicy: {name: static}\n" +
        "monitoring: {interval: 100ms, listen: off, exchange: 2ms, monitors: [\"" + first.at() +
        "\", \"" + second.at() + "\"]}\n" +
        "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [" +
        "{id: b1, address: 10.0.0.1}, {id: b2, address: 10.0.0.2}]}\n"
    );
  }
  static Json status(const RunningControl& node) { return node.result("show status"); }

  RunningControl one;
  RunningControl two;
  RunningMonitor first{one.config_path(), one.folder() + "/monitor1"};
  RunningMonitor second{one.config_path(), one.folder() + "/monitor2"};
};

TEST_F(FleetTest, ScoresOfEachNodeHaveWhatIsInFlightThroughTheOther) {
  Plane plane1(one.folder());
  Plane plane2(two.folder());
  plane1.set(0, 5);
  plane2.set(0, 30);
  plane2.set(1, 7);

  EXPECT_TRUE(one.eventually([&] {
    return plane1.external(0) == 30 && plane1.external(1) == 7 && plane2.external(0) == 5;
  }));
  EXPECT_TRUE(one.eventually([&] { return status(one)["exchange"]["shared"] == true; }));
  EXPECT_EQ(status(one)["exchange"]["nodes"], 2);

  first.kill_now();
  plane2.set(0, 31);
  EXPECT_TRUE(one.eventually([&] { return plane1.external(0) == 31; })) << "the second took over";
  EXPECT_EQ(status(one)["exchange"]["monitor"], second.at());
  second.kill_now();
  EXPECT_TRUE(one.eventually([&] { return plane1.external(0) == 0; })) << "local counts only";
  EXPECT_TRUE(one.eventually([&] { return status(one)["exchange"]["shared"] == false; }));
  first.start();
  EXPECT_TRUE(one.eventually([&] { return plane1.external(0) == 31; }));
}

TEST_F(FleetTest, ANodesForwardingLatencyReachesTheOthersWithItsQuantiles) {
  Plane plane(one.folder());

  EXPECT_TRUE(two.eventually([&] {
    plane.forwarded(4000, 970);    // counts as 3.84 us, its bucket's middle
    plane.forwarded(100'000, 30);  // 106.496
    const Json fleet = two.result("show fleet");
    for (const Json& row : fleet["nodes"]) {
      if (row["node"] != "lb1" || !row.contains("forward_mean_us")) continue;
      const double mean = row["forward_mean_us"].get<double>();
      return row["forward_p50_us"] == 3.84 && row["forward_p99_us"] == 106.496 &&
             std::abs(mean - (0.97 * 3.84 + 0.03 * 106.496)) < 0.01;
    }
    return false;
  })) << two.result("show fleet");
}

TEST_F(FleetTest, WhatAgentsTellAMonitorIsOnAllNodesAndAlsoAfterItsDeath) {
  const auto cpu = [](const RunningControl& node) { return node.backend("b1").value("cpu", -1.0); };
  std::uint64_t sequence = 0;
  const auto told = [&](RunningMonitor& monitor, double value) {
    return one.eventually([&] {
      monitor.report("b1", ++sequence, value);
      return cpu(one) == value && cpu(two) == value;
    });
  };
  // Agents report to all monitors, nodes take the updates of one.
  EXPECT_TRUE(one.eventually([&] {
    first.report("b1", ++sequence, 0.25);
    second.report("b1", sequence, 0.25);
    return cpu(one) == 0.25 && cpu(two) == 0.25;
  }));
  first.kill_now();
  EXPECT_TRUE(told(second, 0.5));
  EXPECT_TRUE(one.eventually([&] {
    return status(one)["fleet"]["nodes"].size() == 2 && status(two)["fleet"]["fresh"] == true;
  }));
  EXPECT_EQ(status(one)["fleet"]["digests"], 1);
  EXPECT_EQ(status(one)["fleet"]["monitor"], second.at());
  second.kill_now();
  EXPECT_TRUE(one.eventually([&] { return status(one)["fleet"]["fresh"] == false; }));
}

TEST_F(FleetTest, ABackendThatLeavesDrainsOnAllNodesAndHearsOfAllTheirFlows) {
  Plane plane1(one.folder());
  Plane plane2(two.folder());
  plane1.set(1, 4);
  plane2.set(1, 8);
  EXPECT_TRUE(one.eventually([&] { return first.leave("b2") == 12 && second.leave("b2") == 12; }));
  EXPECT_TRUE(one.eventually([&] {
    return one.backend("b2")["state"] == "draining" && two.backend("b2")["state"] == "draining";
  }));
  first.report("b2", 1, 0.1);
  second.report("b2", 1, 0.1);
  EXPECT_TRUE(one.eventually([&] {
    return one.backend("b2")["state"] == "active" && two.backend("b2")["state"] == "active";
  }));
}

TEST_F(FleetTest, NodesWithDifferentTablesAreAnAlarmOnBoth) {
  two.write_file([&] {
    std::string text = two.config_text();
    text.replace(text.find("id: b2,"), 7, "id: b3,");
    return text;
  }());
  two.signal(SIGHUP);
  EXPECT_TRUE(one.eventually([&] {
    return status(one)["fleet"]["disagreement"] == true &&
           status(two)["fleet"]["disagreement"] == true;
  }));
  const std::string metrics = one.metrics();
  for (const char* line :
       {"fairlead_fleet_digests 2", "fairlead_fleet_disagreement 1", "fairlead_exchange_fresh 1"})
    EXPECT_NE(metrics.find(line), std::string::npos) << line;
  write("lb2", two);
  two.signal(SIGHUP);
  EXPECT_TRUE(one.eventually([&] { return status(one)["fleet"]["disagreement"] == false; }));
}

}  // namespace
}  // namespace fairlead::control
