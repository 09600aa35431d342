// SPDX-License-Identifier: BSD-3-Clause
// Three etcd members, two monitors, one node: whose updates count while leaders die, hang and
// return.
#include <chrono>
#include <csignal>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/unit/control/daemon/running_control.hh"
#include "tests/unit/control/daemon/running_monitor.hh"
#include "tests/unit/control/etcd/running_etcd.hh"

namespace fairlead::control {
namespace {

using Clock = std::chrono::steady_clock;

class LeaderTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!etcd::RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
    etcd.start_all();
    write_config();
    first.start();
    ASSERT_TRUE(node.eventually([&] { return has(first, " leads term="); })) << first.log();
    second.start();
    node.start();
    ASSERT_TRUE(node.eventually([&] { return fleet()["monitor"] == first.at(); }));
    ASSERT_TRUE(node.eventually([&] { return has(second, " follows leader="); })) << second.log();
  }
  void write_config() const {
    std::string members;
    for (const std::string& at : etcd.endpoints()) members += "\"" + at + "\", ";
    node.write_file(
        "node: {id: lb1, address: 192.0.2.11, runtime_dir: " + node.folder() +
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
  static bool leads(const RunningMonitor& monitor) {
    return monitor.metrics().find("\nfairlead_monitor_leads 1\n") != std::string::npos;
  }
  [[nodiscard]] Json fleet() const { return node.result("show status")["fleet"]; }
  [[nodiscard]] std::uint64_t term() const { return fleet()["term"].get<std::uint64_t>(); }
  /// Waits until the node takes updates of `monitor`; milliseconds.
  [[nodiscard]] long until_taken_from(const RunningMonitor& monitor) const {
    const auto begun = Clock::now();
    EXPECT_TRUE(node.eventually([&] { return fleet()["monitor"] == monitor.at(); }));
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count();
  }

  etcd::RunningEtcd etcd{3};
  RunningControl node;
  RunningMonitor first{node.config_path(), node.folder() + "/monitor1"};
  RunningMonitor second{node.config_path(), node.folder() + "/monitor2"};
};

TEST_F(LeaderTest, AKilledLeaderIsFollowedByTheOtherWithAHigherTerm) {
  const std::uint64_t before = term();
  EXPECT_TRUE(leads(first) && !leads(second)) << first.metrics();
  first.kill_now();
  const long ms = until_taken_from(second);
  RecordProperty("milliseconds_to_next_update", static_cast<int>(ms));
  std::printf("a leader was killed, the next update came after %ld ms\n", ms);
  EXPECT_GT(term(), before);

  // The one that comes back follows, and takes over in its turn.
  const std::uint64_t second_term = term();
  first.start();
  ASSERT_TRUE(node.eventually([&] { return has(first, "follows leader=" + second.at()); }));
  second.kill_now();
  const long again = until_taken_from(first);
  std::printf("and after %ld ms\n", again);
  EXPECT_GT(term(), second_term);
}

TEST_F(LeaderTest, ALeaderThatHangsLosesTheLeadAndIsNotHeardWhenItWakes) {
  const std::uint64_t before = term();
  first.signal(SIGSTOP);
  std::printf("a leader hung, the next update came after %ld ms\n", until_taken_from(second));
  const std::uint64_t after = term();
  EXPECT_GT(after, before);
  first.signal(SIGCONT);
  ASSERT_TRUE(node.eventually([&] { return has(first, "follows leader=" + second.at()); }))
      << first.log();
  EXPECT_EQ(fleet()["monitor"], second.at());
  EXPECT_EQ(term(), after);
}

TEST_F(LeaderTest, WithoutEtcdTheLeaderGoesOnAndWithItAgainThereIsOne) {
  const std::uint64_t before = term();
  etcd.kill_all();
  ASSERT_TRUE(node.eventually([&] { return has(first, "etcd is away"); }));
  const std::uint64_t updates = fleet()["updates"];
  ASSERT_TRUE(node.eventually([&] { return fleet()["updates"].get<std::uint64_t>() > updates + 20; }
  ));
  EXPECT_EQ(fleet()["monitor"], first.at());
  etcd.start_all();
  ASSERT_TRUE(node.eventually([&] { return has(first, "etcd is back"); })) << first.log();
  const std::uint64_t later = fleet()["updates"];
  EXPECT_TRUE(node.eventually([&] { return fleet()["updates"].get<std::uint64_t>() > later + 5; }));
  EXPECT_GE(term(), before);
}

}  // namespace
}  // namespace fairlead::control
