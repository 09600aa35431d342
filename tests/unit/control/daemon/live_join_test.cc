// SPDX-License-Identifier: BSD-3-Clause
// Three nodes change their configuration, a fourth joins: it takes traffic with the tables of the
// others and not before; then it leaves.
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/shm/region.hh"
#include "dataplane/sys/system_clock.hh"
#include "tests/unit/control/daemon/running_control.hh"
#include "tests/unit/control/daemon/running_monitor.hh"
#include "tests/unit/control/etcd/running_etcd.hh"

namespace fairlead::control {
namespace {

/// A data plane that gives signs of life and does nothing else.
class Heartbeat {
 public:
  explicit Heartbeat(const std::string& folder)
      : workers_(*shm::Region::create_or_attach(folder + "/run/workers", shm::workers_spec(), 1)),
        thread_([this] { run(); }) {}
  ~Heartbeat() {
    ending_ = true;
    thread_.join();
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  void run() {
    auto* pages = workers_.at<fl_workers>(0);
    pages->worker_count = 1;
    for (; !ending_; std::this_thread::sleep_for(std::chrono::milliseconds(5)))
      __atomic_store_n(&pages->worker[0].heartbeat_ns, sys::monotonic_ns(), __ATOMIC_RELAXED);
  }
  shm::Region workers_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

/// A node whose routes are a file: "announce" or "withdraw", one line each.
struct Member {
  RunningControl control;
  std::unique_ptr<Heartbeat> plane;
  [[nodiscard]] Json status() const { return control.result("show status"); }
  [[nodiscard]] std::string state() const { return status()["routes"]["state"]; }
  [[nodiscard]] Json digest() const { return status()["digest"]; }
  [[nodiscard]] std::string told() const {
    std::ifstream in(control.folder() + "/routes");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] bool becomes(const std::string& wanted) const {
    return RunningControl::eventually([&] { return state() == wanted; });
  }
};

class JoinTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!etcd::RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
    etcd.start_all();
    for (std::size_t i = 0; i < nodes.size(); ++i) write(i);
    monitor.start();
    for (std::size_t i = 0; i < 3; ++i) start(i);
    for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(nodes[i].becomes("serving")) << log(i);
  }
  void write(std::size_t i, const std::string& backends = kFirst) const {
    const std::string folder = nodes[i].control.folder();
    const std::string hook = folder + "/hook";
    std::ofstream(hook) << "#!/bin/sh\necho \"$1\" >> " << folder << "/routes\n";
    std::filesystem::permissions(hook, std::filesystem::perms::owner_all);
    nodes[i].control.write_file(text(i, backends));
  }
  [[nodiscard]] std::string text(std::size_t i, const std::string& backends) const {
    const std::string folder = nodes[i].control.folder();
    return "node: {id: lb" + std::to_string(i + 1) +
           ", address: 192.0.2.11, runtime_dir: " + folder +
           "/run}\nmetrics: {listen: off}\nroutes: {hook: " + folder + "/hook}\n" +
           "fleet: {etcd: {endpoints: [\"" + etcd.endpoints()[0] + "\"]}}\n" +
           "monitoring: {interval: 200ms, listen: off, monitors: [\"" + monitor.at() + "\"]}\n" +
           "health: {type: none}\npolicy: {name: static}\n" +
           "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [" + backends +
           "]}\n";
  }
  void start(std::size_t i) {
    nodes[i].control.start();
    nodes[i].plane = std::make_unique<Heartbeat>(nodes[i].control.folder());
  }
  void change(const std::string& backends) {
    const RunningControl& one = nodes[0].control;
    one.result("config load", {{"text", text(0, backends)}, {"name", "new.yaml"}});
    one.result("config commit");
    const Json digest = nodes[0].digest();
    ASSERT_TRUE(RunningControl::eventually([&] {
      return nodes[1].digest() == digest && nodes[2].digest() == digest;
    })) << log(1);
  }
  [[nodiscard]] bool stored_after(std::size_t times) const {
    return RunningControl::eventually([&] {
      std::size_t count = 0;
      const std::string log = monitor.log();
      for (std::size_t at = 0; (at = log.find("stores the base", at)) != std::string::npos; ++at)
        ++count;
      return count >= times;
    });
  }
  [[nodiscard]] std::string log(std::size_t i) const {
    return nodes[i].control.log() + monitor.log();
  }

  static constexpr const char* kFirst =
      "{id: b1, address: 10.0.0.1}, {id: b2, address: 10.0.0.2}, {id: b3, address: 10.0.0.3}";
  static constexpr const char* kSecond =
      "{id: b2, address: 10.0.0.2}, {id: b3, address: 10.0.0.3}, {id: b9, address: 10.0.0.9}";
  static constexpr const char* kThird =
      "{id: b3, address: 10.0.0.3}, {id: b7, address: 10.0.0.7, weight: 70}, "
      "{id: b9, address: 10.0.0.9}";

  etcd::RunningEtcd etcd{1};
  std::array<Member, 4> nodes;
  RunningMonitor monitor{nodes[0].control.config_path(), nodes[0].control.folder() + "/monitor"};
};

TEST_F(JoinTest, ANodeThatJoinsAfterChangesServesWithTheTablesOfTheOthersAndNotBefore) {
  nodes[0].control.result("config share");
  ASSERT_TRUE(stored_after(1)) << monitor.log();
  change(kSecond);
  ASSERT_TRUE(stored_after(2)) << monitor.log();
  change(kThird);
  ASSERT_TRUE(stored_after(3)) << monitor.log();
  const Json digest = nodes[0].digest();

  start(3);  // its own file is the first configuration's
  bool early = false;
  EXPECT_TRUE(RunningControl::eventually([&] {
    const Json now = nodes[3].status();
    const bool serves = now["routes"]["state"] == "serving";
    early = early || (serves && now["digest"] != digest);
    return serves;
  })) << nodes[3].state()
      << log(3);
  EXPECT_FALSE(early);
  EXPECT_EQ(nodes[3].digest(), digest);
  EXPECT_TRUE(RunningControl::eventually([&] { return nodes[3].told() == "withdraw\nannounce\n"; })
  );

  // A restart of control keeps the tables that all have.
  nodes[1].control.kill_now();
  nodes[1].control.start();
  EXPECT_TRUE(nodes[1].becomes("serving"));
  EXPECT_EQ(nodes[1].digest(), digest);

  nodes[3].control.result("withdraw node");
  EXPECT_TRUE(nodes[3].becomes("withdrawn by operator"));
  EXPECT_TRUE(RunningControl::eventually([&] {
    return nodes[3].told() == "withdraw\nannounce\nwithdraw\n";
  }));
  nodes[3].control.result("announce node");
  EXPECT_TRUE(nodes[3].becomes("serving"));
  nodes[3].control.result("retire node", {{"deadline_ms", 10'000}});
  EXPECT_TRUE(RunningControl::eventually([&] {
    return nodes[3].control.log().find("left: no traffic comes any more") != std::string::npos;
  })) << nodes[3].control.log();
  EXPECT_EQ(nodes[3].told(), "withdraw\nannounce\nwithdraw\nannounce\nwithdraw\n");
  EXPECT_EQ(nodes[0].digest(), digest);
}

}  // namespace
}  // namespace fairlead::control
