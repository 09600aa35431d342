// SPDX-License-Identifier: BSD-3-Clause
// A running fairlead-control: tables follow health, operators and configuration; kill -9 loses
// nothing.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/shm/publication.hh"
#include "dataplane/sys/system_clock.hh"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

TEST(Control, DeadBackendLosesItsSlotsAndGetsThemBack) {
  Backend b1(1);
  auto b2 = std::make_unique<Backend>(2);
  RunningControl control;
  control.write_config({&b1, b2.get()});
  control.start();
  ASSERT_GT(control.backend("b2")["slots"], 0);

  b2->stop();
  ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] == 0; }));

  EXPECT_EQ(control.backend("b2")["state"], "down");
  EXPECT_EQ(control.backend("b2")["why"], "down: connection refused");
  EXPECT_EQ(control.backend("b1")["share"], 1.0);
  EXPECT_EQ(control.result("show status")["healthy"], 1);

  const Backend back(2, b2->port());
  EXPECT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] > 0; }));
}

TEST(Control, KilledAndStartedAgainItGoesOn) {
  Backend b1(1);
  Backend b2(2);
  Backend b3(3);
  RunningControl control;
  control.write_config({&b1, &b2, &b3});
  control.start();
  control.result("set backend", {{"backend", "b1"}, {"weight", 50}});
  control.result("drain backend", {{"backend", "b2"}});
  b3.stop();
  ASSERT_TRUE(control.eventually([&] {
    return control.backend("b3")["state"] == "down" && control.backend("b2")["state"] == "draining";
  }));
  const Json before = control.result("show status");
  const Json table = control.result("show table", {{"vip", "web"}});

  control.kill_now();
  control.start();

  const Json after = control.result("show status");
  EXPECT_EQ(after["digest"], before["digest"]);
  EXPECT_EQ(after["generation"], before["generation"]) << control.log();
  EXPECT_EQ(control.result("show table", {{"vip", "web"}})["shares"], table["shares"]);
  EXPECT_EQ(control.backend("b1")["configured_weight"], 50);
  EXPECT_EQ(control.backend("b2")["state"], "draining");
  EXPECT_EQ(control.backend("b3")["state"], "down");
}

TEST(Control, RefusedReloadChangesNothing) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1});
  control.start();
  const Json before = control.result("show status");

  control.write_file("vips: [{name: web, adress: 203.0.113.10}]\n");
  control.signal(SIGHUP);
  ASSERT_TRUE(control.eventually([&] {
    return control.log().find("reload refused, nothing changes: ") != std::string::npos;
  }));
  EXPECT_NE(
      control.log().find("c.yaml:1: vips[0].adress: unknown key, did you mean 'address'?"),
      std::string::npos
  );
  EXPECT_EQ(control.result("show status")["digest"], before["digest"]);

  control.write_config({&b1, &b2});
  control.signal(SIGHUP);
  EXPECT_TRUE(control.eventually([&] {
    return control.result("show status")["backends"] == 2 && control.backend("b2")["slots"] > 0;
  }));
  EXPECT_EQ(control.terminate(), 0);
}

TEST(Control, SecondOneOnTheSameNodeIsRefused) {
  Backend b1(1);
  RunningControl control;
  control.write_config({&b1});
  control.start();

  const auto [status, text] = control.run_to_end();

  EXPECT_EQ(status, 1);
  EXPECT_NE(
      text.find("another fairlead-control runs on this runtime directory"), std::string::npos
  );
  EXPECT_EQ(control.result("show status")["generation"], 1);
}

TEST(Control, BadConfigurationEndsWithStatusTwo) {
  RunningControl control;
  control.write_file("vips: []\n");

  const auto [status, text] = control.run_to_end();

  EXPECT_EQ(status, 2);
  EXPECT_EQ(
      text,
      "fairlead-control: " + control.config_path() +
          ":1: vips: no vip, list at least one (see config/fairlead.yaml)\n"
  );
}

TEST(Control, DamagedStateFileIsToldAndSurvived) {
  Backend b1(1);
  RunningControl control;
  control.write_config({&b1});
  control.start();
  control.kill_now();
  std::ofstream(control.folder() + "/run/state.json") << "{\"format\":";

  control.start();

  EXPECT_NE(control.log().find("not a state file of this version"), std::string::npos);
}

TEST(Control, RefusesWhatWouldEmptyThePool) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2});
  control.start();
  control.result("drain backend", {{"backend", "b1"}});

  for (const char* line : {
           R"({"command":"drain backend","arguments":{"backend":"b2"}})",
           R"({"command":"set backend","arguments":{"backend":"b2","weight":0}})",
       }) {
    const Json reply = control.ask(line);
    EXPECT_FALSE(reply["ok"].get<bool>()) << reply.dump();
    EXPECT_EQ(reply["code"], "failed_precondition");
  }
  EXPECT_EQ(
      control.ask(R"({"command":"drain backend","arguments":{"backend":"b9"}})")["code"],
      "not_found"
  );
  EXPECT_EQ(
      control.ask(R"({"command":"show table","arguments":{"vip":"x"}})")["code"], "not_found"
  );
  EXPECT_EQ(control.ask("rubbish")["code"], "invalid_argument");
}

// A worker of our own: reads generations as the data plane does.
TEST(Control, WorkerSeesADecisionAndItsLatencyIsMeasured) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2});
  control.start();
  const std::string run = control.folder() + "/run/";
  auto steering = shm::Region::attach(run + "steering", FL_REGION_STEERING, shm::Access::kRead);
  auto workers = shm::Region::attach(run + "workers", FL_REGION_WORKERS, shm::Access::kReadWrite);
  ASSERT_TRUE(steering && workers);
  auto* pages = workers->at<fl_workers>(0);
  pages->worker_count = pages->workers_running = 1;
  std::atomic<bool> ending{false};
  std::thread worker([&] {
    shm::GenerationReader reader(*steering, &pages->worker[0]);
    while (!ending) {
      pages->worker[0].heartbeat_ns = sys::monotonic_ns();
      (void)reader.current();
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    reader.go_offline();
  });

  control.result("drain backend", {{"backend", "b1"}});
  const bool measured = control.eventually([&] {
    return control.result("show status")["publish_to_acknowledge_ms"]["count"] > 0;
  });
  const Json status = control.result("show status");
  ending = true;
  worker.join();

  EXPECT_TRUE(measured);
  EXPECT_EQ(status["dataplane"]["generation_acknowledged"], status["generation"]);
  std::printf(
      "decision to publish %s ms, publish to acknowledge %s ms\n",
      status["decision_to_publish_ms"].dump().c_str(),
      status["publish_to_acknowledge_ms"].dump().c_str()
  );
}

TEST(Control, LookupTellsWhy) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2});
  control.start();

  const Json hit = control.result(
      "lookup",
      {{"protocol", "tcp"},
       {"src", "198.51.100.7"},
       {"sport", 40000},
       {"dst", "203.0.113.10"},
       {"dport", 80}}
  );
  const Json miss = control.result(
      "lookup",
      {{"protocol", "udp"},
       {"src", "198.51.100.7"},
       {"sport", 40000},
       {"dst", "203.0.113.10"},
       {"dport", 80}}
  );

  EXPECT_EQ(hit["vip"], "web");
  EXPECT_EQ(hit["candidates"].size(), 2U);
  EXPECT_FALSE(hit["flow"]["found"].get<bool>());
  EXPECT_FALSE(miss.contains("vip"));
}

}  // namespace
}  // namespace fairlead::control
