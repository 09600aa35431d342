// SPDX-License-Identifier: BSD-3-Clause
// A running fairlead-control and those who look at it: peers without rights, /metrics, fail open.
#include <cstring>
#include <grp.h>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "control/api/table_file.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/steer/drop_reasons.h"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

constexpr uid_t kNobody = 65534;

/// The reply's code as a process of user nobody gets it: "" for a result, "none" for no reply.
std::string code_for_nobody(const RunningControl& control, const std::string& line) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool nobody =
        ::setgroups(0, nullptr) == 0 && ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0;
    const Json reply = nobody ? control.ask(line) : Json();
    const std::string code = !reply.is_object() ? "none" : reply.value("code", std::string());
    (void)!::write(ends[1], code.data(), code.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  char code[64] = {};
  const auto got = ::read(ends[0], code, sizeof code - 1);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return {code, got < 0 ? 0 : static_cast<std::size_t>(got)};
}

TEST(ControlRights, AStrangerMayLookAndChangeNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  ASSERT_EQ(::chmod(control.folder().c_str(), 0755), 0);
  control.write_config({&b1, &b2});
  control.start();
  const Json before = control.result("show status");

  EXPECT_EQ(code_for_nobody(control, R"({"command":"show backend"})"), "");
  for (const char* line : {
           R"({"command":"set backend","arguments":{"backend":"b1","weight":1}})",
           R"({"command":"drain backend","arguments":{"backend":"b1"}})",
           R"({"command":"undrain backend","arguments":{"backend":"b1"}})",
           R"({"command":"freeze weights"})",
           R"({"command":"thaw weights"})",
       }) {
    EXPECT_EQ(code_for_nobody(control, line), "permission_denied") << line;
  }
  const Json after = control.result("show status");
  EXPECT_EQ(after["generation"], before["generation"]);
  EXPECT_EQ(after["frozen"], false);
  EXPECT_EQ(control.backend("b1")["configured_weight"], 100);
}

bool has_line(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(ControlMetrics, SayWhatTheDaemonDoes) {
  Backend b1(1);
  auto b2 = std::make_unique<Backend>(2);
  RunningControl control;
  control.serve_metrics();
  control.write_config({&b1, b2.get()});
  control.start();
  b2->stop();
  ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["state"] == "down"; }));
  control.result("freeze weights");
  auto workers = shm::Region::attach(
      control.folder() + "/run/workers", FL_REGION_WORKERS, shm::Access::kReadWrite
  );
  ASSERT_TRUE(workers);
  auto* pages = workers->at<fl_workers>(0);  // as a data plane that was there and is gone
  pages->worker_count = 1;
  pages->worker[0].rx_packets = 10;
  pages->worker[0].tx_packets = 3;
  pages->worker[0].drops[FL_REASON_TX_FULL] = 7;
  pages->worker[0].flows = 60;
  pages->worker[0].latency[fl_latency_bucket(1000)] = 2;
  pages->worker[0].latency[fl_latency_bucket(2048)] = 3;
  pages->worker[0].latency[fl_latency_bucket(1'000'000'000)] = 1;

  const std::string text = control.metrics();
  const Json status = control.result("show status");

  EXPECT_NE(text.find("HTTP/1.1 200"), std::string::npos) << text.substr(0, 200);
  EXPECT_TRUE(has_line(text, "fairlead_generation " + status["generation"].dump())) << text;
  EXPECT_TRUE(has_line(text, "fairlead_dataplane_up 0"));
  EXPECT_TRUE(has_line(text, "fairlead_weights_frozen 1"));
  EXPECT_TRUE(has_line(text, R"(fairlead_backend_up{vip="web",backend="b1"} 1)"));
  EXPECT_TRUE(has_line(text, R"(fairlead_backend_up{vip="web",backend="b2"} 0)"));
  EXPECT_TRUE(has_line(text, "# TYPE fairlead_slots_moved_total counter"));
  EXPECT_NE(text.find("\nfairlead_decision_to_publish_seconds{of=\"max\"} "), std::string::npos);
  EXPECT_NE(
      text.find("\nfairlead_backend_probe_failures_total{vip=\"web\",backend=\"b2\"} "),
      std::string::npos
  );
  EXPECT_TRUE(has_line(text, R"(fairlead_drops_total{worker="0",reason="tx_full"} 7)"));
  EXPECT_TRUE(has_line(text, R"(fairlead_drops_total{worker="0",reason="lost_in_crash"} 0)"));
  EXPECT_TRUE(has_line(text, R"(fairlead_worker_rx_packets_total{worker="0"} 10)"));
  EXPECT_TRUE(has_line(text, R"(fairlead_worker_residue{worker="0"} 0)"));
  EXPECT_TRUE(has_line(text, "# TYPE fairlead_worker_flows gauge")) << "a flush takes some away";
  EXPECT_TRUE(has_line(text, R"(fairlead_worker_flows{worker="0"} 60)"));
  EXPECT_TRUE(has_line(text, "# TYPE fairlead_forwarding_latency_seconds histogram"));
  for (const char* line :
       {R"(fairlead_forwarding_latency_seconds_bucket{le="1.024e-06"} 2)",
        R"(fairlead_forwarding_latency_seconds_bucket{le="2.048e-06"} 2)",
        R"(fairlead_forwarding_latency_seconds_bucket{le="4.096e-06"} 5)",
        R"(fairlead_forwarding_latency_seconds_bucket{le="0.016777216"} 5)",
        R"(fairlead_forwarding_latency_seconds_bucket{le="+Inf"} 6)",
        R"(fairlead_forwarding_latency_seconds_count 6)"}) {
    EXPECT_TRUE(has_line(text, line)) << line;
  }
}

TEST(ControlMetrics, WhatNobodyMeasuresIsNotTold) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.serve_metrics();
  control.write_config({&b1, &b2}, "", ", type: none");
  control.start();
  EXPECT_FALSE(control.result("show health")["checks"][0].contains("rtt_us")) << "never probed";
  const Json rates = {{"backend", "b1"}, {"requests_per_second", 10}};
  const Json idle = {{"backend", "b2"}, {"cpu", 0}, {"active", 0}};

  control.result("report load", {{"reports", Json::array({rates, idle})}});

  const Json row = control.backend("b1");
  EXPECT_EQ(row["requests_per_second"], 10.0);
  for (const char* key : {"cpu", "memory", "active_connections", "latency_us"})
    EXPECT_FALSE(row.contains(key)) << key;
  EXPECT_EQ(control.backend("b2")["cpu"], 0.0) << "measured";
  const Json update = control.result("show update")["backends"];
  EXPECT_FALSE(update[0].contains("cpu") || update[0].contains("latency_us"));
  EXPECT_EQ(update[1]["active"], 0.0);
  const std::string text = control.metrics();
  EXPECT_EQ(text.find("fairlead_backend_cpu_ratio{backend=\"b1\"}"), std::string::npos);
  EXPECT_EQ(text.find("fairlead_backend_latency_seconds"), std::string::npos);
  EXPECT_TRUE(has_line(text, R"(fairlead_backend_cpu_ratio{backend="b2"} 0)"));
}

TEST(ControlNames, AddressesAndWorkersAreUnderstoodOrRefused) {
  Backend b1(1);
  RunningControl control;
  control.write_config({&b1}, "", ", type: none");
  control.start();

  EXPECT_EQ(control.result("show vip", {{"vip", "tcp:203.0.113.10:80"}})["vips"][0]["name"], "web");
  EXPECT_EQ(control.backend("127.0.0.1")["id"], "b1");
  for (const char* command : {"show stats", "show flow"}) {
    const Json reply =
        control.ask(Json{{"command", command}, {"arguments", {{"worker", 7}}}}.dump());
    EXPECT_EQ(reply["code"], "not_found") << command;
  }
  const Json log =
      control.ask(R"({"command":"set log","arguments":{"level":"debug","module":"helth"}})");
  EXPECT_EQ(log["code"], "invalid_argument");
}

TEST(ControlLog, DebugShowsEachProbeOfTheModuleAlone) {
  Backend b1(1);
  RunningControl control;
  control.write_config({&b1});
  control.start();
  EXPECT_NE(control.log().find(" info control: published generation="), std::string::npos);
  EXPECT_EQ(control.log().find(" debug "), std::string::npos);

  control.result("set log", {{"level", "debug"}, {"module", "health"}});

  EXPECT_TRUE(control.eventually([&] {
    return control.log().find(" debug health: probed 127.0.0.1 port=") != std::string::npos;
  })) << control.log();
}

TEST(ControlHealth, TooFewHealthyOpensThePoolAndEnoughCloseItAgain) {
  Backend b1(1);
  auto b2 = std::make_unique<Backend>(2);
  RunningControl control;
  control.write_config({&b1, b2.get()}, "", ", min_healthy_pct: 60");
  control.start();
  b2->stop();
  ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["health"] == "down"; }));

  const Json open = control.backend("b2");
  EXPECT_EQ(open["state"], "active") << "one of two is less than 60 %: health is ignored";
  EXPECT_GT(open["slots"], 0);

  control.write_config({&b1, b2.get()}, "", ", min_healthy_pct: 50");
  control.signal(SIGHUP);
  EXPECT_TRUE(control.eventually([&] { return control.backend("b2")["state"] == "down"; }));
  EXPECT_EQ(control.backend("b2")["slots"], 0);
}

TEST(Operator, ATableIsDumpedFromThePublishedBank) {
  Backend b1{1};
  RunningControl control;
  control.write_config({&b1}, "", ", type: none");
  control.start();
  ASSERT_TRUE(control.eventually([&] { return control.result("show status")["generation"] > 0; }));
  const std::string steering = control.folder() + "/run/steering";

  std::FILE* const out = std::tmpfile();
  const auto dumped = api::dump_table(steering, "web", out);
  ASSERT_TRUE(dumped) << dumped.error().what;
  std::rewind(out);
  char line[64];
  std::uint32_t lines = 0;
  for (; std::fgets(line, sizeof line, out) != nullptr; ++lines) {
    const std::string wanted =
        lines == 0 ? "slot,backend,earlier\n" : std::to_string(lines - 1) + ",b1,\n";
    ASSERT_EQ(line, wanted);
  }
  std::fclose(out);
  EXPECT_EQ(lines, dumped->slots + 1);
  EXPECT_EQ(dumped->slots, control.result("show table", {{"vip", "web"}})["size"]);
  EXPECT_EQ(api::dump_table(steering, "ftp", stderr).error().what, "no vip 'ftp'");
}

TEST(Operator, ATableSaysWhatTheLastGenerationChangedInIt) {
  Backend b1{1};
  Backend b2{2};
  RunningControl control;
  control.write_config({&b1, &b2}, "policy: {name: static}\n", ", type: none");
  control.start();
  ASSERT_TRUE(control.eventually([&] { return control.result("show status")["generation"] == 1; }));
  const char* const ask = R"({"command":"show table diff","arguments":{"vip":"web"}})";
  EXPECT_EQ(control.ask(ask)["code"], "unavailable") << "there is nothing before the first";

  control.result("set backend", {{"backend", "b1"}, {"weight", 10}});
  ASSERT_TRUE(control.eventually([&] { return control.result("show status")["generation"] == 2; }));
  control.kill_now();  // the bank before is in shared memory
  control.start();

  const Json diff = control.result("show table diff", {{"vip", "web"}});
  const Json table = control.result("show table", {{"vip", "web"}});
  EXPECT_EQ(diff["generation_before"], 1);
  EXPECT_EQ(diff["size"], diff["size_before"]);
  const Json& rows = diff["backends"];
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["weight_before"], 100);
  EXPECT_EQ(rows[0]["weight"], 10);
  EXPECT_EQ(rows[0]["gained"], 0);
  EXPECT_EQ(rows[1]["lost"], 0);
  EXPECT_EQ(rows[0]["lost"], diff["slots_moved"]);
  EXPECT_EQ(rows[1]["gained"], diff["slots_moved"]);
  EXPECT_GT(diff["slots_moved"], 1000);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rows[i]["slots"], table["shares"][i]["slots"]);
    EXPECT_EQ(
        rows[i]["slots"].get<int>() - rows[i]["slots_before"].get<int>(),
        rows[i]["gained"].get<int>() - rows[i]["lost"].get<int>()
    );
  }
  EXPECT_EQ(
      control.ask(R"({"command":"show table diff","arguments":{"vip":"x"}})")["code"], "not_found"
  );
}

TEST(ControlVip, ADisabledVipTakesNothingNewUntilEnabledAlsoAfterSigkill) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.serve_metrics();
  control.write_config({&b1, &b2});
  control.start();
  const auto state_of = [&control](const char* id) {
    return control.backend(id).value("state", "");
  };
  const auto vip = [&control] { return control.result("show vip")["vips"][0].value("state", ""); };
  ASSERT_TRUE(RunningControl::eventually([&] { return state_of("b2") == "active"; }));
  EXPECT_EQ(vip(), "serving");

  EXPECT_EQ(control.result("disable vip", {{"vip", "web"}})["changed"], true);
  EXPECT_EQ(control.result("disable vip", {{"vip", "web"}})["changed"], false);
  EXPECT_TRUE(RunningControl::eventually([&] {
    return state_of("b1") == "draining" && state_of("b2") == "draining";
  }));
  control.kill_now();
  control.start();
  EXPECT_EQ(vip(), "disabled");
  EXPECT_EQ(state_of("b1"), "draining");
  EXPECT_TRUE(has_line(control.metrics(), R"(fairlead_vip_disabled{vip="web"} 1)"));

  EXPECT_EQ(control.result("enable vip", {{"vip", "web"}})["state"], "serving");
  EXPECT_TRUE(RunningControl::eventually([&] { return state_of("b1") == "active"; }));
  EXPECT_EQ(
      control.ask(R"({"command":"disable vip","arguments":{"vip":"wep"}})")["code"], "not_found"
  );
}

TEST(ControlVip, AVipThatIsMadeAgainIsNotDisabled) {
  RunningControl control;
  const auto vips = [&](const std::string& more) {
    return "node: {id: n, address: 192.0.2.11, runtime_dir: " + control.folder() +
           "/run}\nmetrics: {listen: off}\nmonitoring: {listen: off}\nhealth: {type: none}\n"
           "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
           "10.0.0.1}]}" +
           more + "]\n";
  };
  const std::string shop =
      ", {name: shop, address: 203.0.113.20, port: 80, backends: [{id: b1, address: 10.0.0.1}]}";
  const auto commit = [&](const std::string& text, const Json& how) {
    control.result("config load", {{"text", text}, {"name", "t"}});
    control.result("config commit", how);
  };
  const auto state = [&] {
    return control.result("show vip", {{"vip", "shop"}})["vips"][0].value("state", "");
  };
  control.write_file(vips(shop));
  control.start();
  control.result("disable vip", {{"vip", "shop"}});

  commit(vips(""), {{"confirm_ms", 600'000}});
  control.result("config rollback");
  EXPECT_EQ(state(), "disabled") << "a trial that is taken back changed nothing";

  commit(vips(""), Json::object());
  commit(vips(shop), Json::object());
  EXPECT_EQ(state(), "serving");

  // The same by the file, also while nobody runs.
  control.result("disable vip", {{"vip", "shop"}});
  control.kill_now();
  control.write_file(vips(""));
  control.start();
  control.write_file(vips(shop));
  control.signal(SIGHUP);
  EXPECT_TRUE(RunningControl::eventually([&] { return state() == "serving"; }));
}

}  // namespace
}  // namespace fairlead::control
