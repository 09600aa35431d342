// SPDX-License-Identifier: BSD-3-Clause
// A running fairlead-control: tables follow health, operators and configuration; kill -9 loses
// nothing.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

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

  // In doubt at first: what it has it keeps (docs/health.md).
  EXPECT_TRUE(control.eventually([&] { return control.backend("b2")["state"] == "down"; }));
  // Weights are explained anew at the next update.
  EXPECT_TRUE(control.eventually([&] {
    return control.backend("b2")["why"] == "down: connection refused";
  }));
  EXPECT_EQ(control.backend("b1")["share"], 1.0);
  EXPECT_EQ(control.result("show status")["healthy"], 1);
  // Without a monitor too.
  EXPECT_EQ(control.result("show fleet")["nodes"][0]["down"], Json::array({"web/b2"}));

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

/// What a reload may change, as operators see it.
Json in_force(const RunningControl& control) {
  Json status = control.result("show status");
  Json seen;
  for (const char* key : {"generation", "digest", "policy", "vips", "backends", "frozen"})
    seen["status"][key] = status[key];
  seen["vips"] = control.result("show vip");
  const Json pool = control.result("show backend");  // not in the loop's head: it would be gone
  for (const Json& row : pool["backends"])
    seen["backends"].push_back({row["id"], row["configured_weight"], row["state"], row["slots"]});
  return seen;
}

TEST(Control, RefusedReloadChangesNothing) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.serve_metrics();
  control.write_config({&b1});
  const std::string good = control.config_text();
  control.start();
  control.result("set backend", {{"backend", "b1"}, {"weight", 50}});
  ASSERT_TRUE(control.eventually([&] { return control.backend("b1")["configured_weight"] == 50; }));
  const Json before = in_force(control);

  std::string deep(100'000, '[');
  const std::pair<std::string, std::string> bad[] = {
      {"vips: [{name: web, adress: 203.0.113.10}]\n",
       "c.yaml:1: vips[0].adress: unknown key, did you mean 'address'?"},
      {"", "c.yaml:1: file is empty"},
      {good.substr(0, good.size() / 2), "c.yaml:"},
      {good + good, "is given twice"},
      {good + "health: {interval: 0s}\n", "c.yaml:"},
      {good + "policy: {name: best}\n", "is not one of"},
      {good + "x\x1b[2J: 1\n", "c.yaml:"},
      {"vips: " + deep, "c.yaml:1:"},
  };
  std::uint64_t refused = 0;
  for (const auto& [text, message] : bad) {
    control.write_file(text);
    control.signal(SIGHUP);
    ++refused;
    ASSERT_TRUE(control.eventually([&] {
      return control.result("show status")["reloads"]["refused"] == refused;
    })) << text.substr(0, 200);
    const std::string log = control.log();
    const std::string last = log.substr(log.rfind('\n', log.size() - 2) + 1);
    EXPECT_NE(last.find("reload refused, nothing changes: "), std::string::npos) << last;
    EXPECT_NE(last.find(message), std::string::npos) << last;
    EXPECT_EQ(in_force(control), before);
    EXPECT_NE(
        control.result("show status")["reloads"]["error"].get<std::string>().find(message),
        std::string::npos
    );
  }
  std::filesystem::remove(control.config_path());
  ASSERT_EQ(::mkfifo(control.config_path().c_str(), 0600), 0);
  control.signal(SIGHUP);
  ++refused;
  ASSERT_TRUE(control.eventually([&] {
    return control.result("show status")["reloads"]["refused"] == refused;
  }));
  EXPECT_EQ(in_force(control), before);
  std::filesystem::remove(control.config_path());
  EXPECT_NE(
      control.metrics().find(
          "fairlead_reloads_total{result=\"refused\"} " + std::to_string(refused)
      ),
      std::string::npos
  );

  control.write_config({&b1, &b2});
  control.signal(SIGHUP);
  EXPECT_TRUE(control.eventually([&] {
    return control.result("show status")["backends"] == 2 && control.backend("b2")["slots"] > 0;
  }));
  EXPECT_FALSE(control.result("show status")["reloads"].contains("error"));
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

  ASSERT_TRUE(control.eventually([&] {  // else there is nobody to wait for
    return control.result("show status")["dataplane"]["generation_acknowledged"] != 0;
  }));

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
  EXPECT_EQ(hit["candidates"].size(), 3U);  // the default of `choices`
  EXPECT_FALSE(hit["flow"]["found"].get<bool>());
  EXPECT_FALSE(miss.contains("vip"));
}

}  // namespace
}  // namespace fairlead::control
