// SPDX-License-Identifier: BSD-3-Clause
// Weights of the leader on all nodes, while leaders and nodes die and etcd is away.
#include <csignal>

#include <gtest/gtest.h>

#include "tests/unit/control/daemon/running_control.hh"
#include "tests/unit/control/daemon/running_monitor.hh"
#include "tests/unit/control/etcd/running_etcd.hh"

namespace fairlead::control {
namespace {

class WeightsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!etcd::RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
    etcd.start_all();
    write("lb1", one);
    write("lb2", two);
    first.start();
    ASSERT_TRUE(one.eventually([&] { return has(first, " leads term="); })) << first.log();
    second.start();
    one.start();
    two.start();
    ASSERT_TRUE(one.eventually([&] { return generation(one) > 0 && agree(); })) << first.log();
  }
  void write(const std::string& id, const RunningControl& node) const {
    std::string members;
    for (const std::string& at : etcd.endpoints()) members += "\"" + at + "\", ";
    node.write_file(
        "node: {id: " + id + ", address: 192.0.2.11, runtime_dir: " + node.folder() +
        "/run}\nmetrics: {listen: off}\nhealth: {type: none}\npolicy: {name: static}\n" +
        "fleet: {etcd: {endpoints: [" + members + "]}}\n" +
        "monitoring: {interval: 200ms, listen: off, monitors: [\"" + first.at() + "\", \"" +
        second.at() + "\"]}\n" +
        "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [" +
        "{id: b1, address: 10.0.0.1}, {id: b2, address: 10.0.0.2}]}\n"
    );
  }
  static bool has(const RunningMonitor& monitor, const std::string& text) {
    return monitor.log().find(text) != std::string::npos;
  }
  static Json status(const RunningControl& node) { return node.result("show status"); }
  static std::uint64_t generation(const RunningControl& node) {
    return status(node)["fleet"].value("weights_generation", 0U);
  }
  [[nodiscard]] bool agree() const {
    return generation(one) == generation(two) && status(one)["digest"] == status(two)["digest"];
  }
  [[nodiscard]] bool weighed(const std::string& backend, int weight) const {
    return one.eventually([&] {
      return one.backend(backend)["weight"] == weight && two.backend(backend)["weight"] == weight &&
             agree();
    });
  }
  static Json set(const RunningControl& node, const std::string& backend, int weight) {
    return node.result("set backend", {{"backend", backend}, {"weight", weight}});
  }

  etcd::RunningEtcd etcd{3};
  RunningControl one;
  RunningControl two;
  RunningMonitor first{one.config_path(), one.folder() + "/monitor1"};
  RunningMonitor second{one.config_path(), one.folder() + "/monitor2"};
};

TEST_F(WeightsTest, AWeightIsOnAllNodesAsOneGenerationOfTheLeader) {
  const std::uint64_t before = generation(one);
  set(two, "b1", 30);
  EXPECT_TRUE(weighed("b1", 30)) << first.log();
  EXPECT_GT(generation(one), before);
  EXPECT_EQ(one.backend("b1")["why"].get<std::string>().rfind("of the fleet, generation ", 0), 0U);
  EXPECT_TRUE(one.eventually([&] { return status(one)["fleet"]["digests"] == 1; }))
      << "as nodes told their monitor";
}

TEST_F(WeightsTest, GenerationsRiseOverTheDeathOfTheLeaderAndOfANode) {
  set(one, "b1", 30);
  ASSERT_TRUE(weighed("b1", 30));
  const std::uint64_t before = generation(one);
  two.kill_now();
  first.kill_now();
  ASSERT_TRUE(one.eventually([&] { return has(second, " leads term="); }));
  two.start();
  EXPECT_GE(generation(two), before) << "from its file";
  set(one, "b2", 40);
  EXPECT_TRUE(weighed("b2", 40)) << second.log();
  EXPECT_TRUE(weighed("b1", 30)) << "the new leader knows it too";
  EXPECT_GT(generation(one), before);
  EXPECT_EQ(status(one)["fleet"]["weights_refused"], 0);
}

TEST_F(WeightsTest, ALeaderThatWakesUpChangesNothing) {
  first.signal(SIGSTOP);
  ASSERT_TRUE(one.eventually([&] { return has(second, " leads term="); })) << second.log();
  set(one, "b1", 30);
  ASSERT_TRUE(weighed("b1", 30)) << second.log();
  const std::uint64_t before = generation(one);
  first.signal(SIGCONT);
  ASSERT_TRUE(one.eventually([&] { return has(first, "follows leader=" + second.at()); }));
  EXPECT_TRUE(weighed("b1", 30));
  EXPECT_GE(generation(one), before);
}

TEST_F(WeightsTest, WithoutMonitorsWeightsStayAndOperatorsAreHeardOnTheirNodes) {
  set(one, "b1", 30);
  ASSERT_TRUE(weighed("b1", 30));
  first.kill_now();
  second.kill_now();
  ASSERT_TRUE(one.eventually([&] { return status(one)["fleet"]["fresh"] == false; }));
  EXPECT_EQ(two.backend("b1")["weight"], 30);
  set(one, "b2", 40);
  EXPECT_TRUE(weighed("b2", 40)) << "through etcd";
  first.start();
  EXPECT_TRUE(one.eventually([&] { return status(one)["fleet"]["fresh"] == true; }));
  EXPECT_TRUE(weighed("b2", 40));
}

}  // namespace
}  // namespace fairlead::control
