// SPDX-License-Identifier: BSD-3-Clause
// A running fairlead-control whose backends are drained, held, switched off, and given back.
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/shm/region.hh"
#include "dataplane/steer/abi.h"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

class HeldBackend : public ::testing::Test {
 protected:
  void SetUp() override {
    control.write_config({&b1, &b2}, "", ", type: none");
    control.start();
  }
  Json row() const {
    const Json shown = control.result("show drain");
    return shown["drains"].empty() ? Json::object() : shown["drains"][0];
  }
  bool state_becomes(const std::string& state) const {
    return control.eventually([&] { return control.backend("b1")["state"] == state; });
  }
  Json refused(const std::string& command, const Json& arguments) const {
    const Json reply = control.ask(Json{{"command", command}, {"arguments", arguments}}.dump());
    EXPECT_FALSE(reply.value("ok", true)) << command << reply;
    return reply;
  }

  Backend b1{1};
  Backend b2{2};
  RunningControl control;
};

TEST_F(HeldBackend, ADrainEndsWithRemovalAndIsUndone) {
  const Json begun = control.result(
      "drain backend", {{"backend", "b1"}, {"deadline_ms", 60'000}, {"then", "remove"}}
  );
  EXPECT_EQ(begun["then"], "remove");
  EXPECT_EQ(begun["deadline_ms"], 60'000);
  EXPECT_TRUE(state_becomes("draining"));
  EXPECT_EQ(row()["hold"], "drain");
  EXPECT_LE(row()["remaining_ms"], 60'000);

  // Nobody has a flow on it, so it ends long before its deadline.
  EXPECT_TRUE(state_becomes("removed"));
  EXPECT_EQ(row()["phase"], "removed");
  EXPECT_EQ(control.backend("b1")["why"], "drained and removed by operator");
  EXPECT_EQ(control.backend("b2")["share"], 1.0);

  control.result("undrain backend", {{"backend", "b1"}});
  EXPECT_TRUE(state_becomes("active"));
  EXPECT_EQ(row(), Json::object());
}

TEST_F(HeldBackend, ADrainSurvivesKillNineWithItsDeadline) {
  control.result("drain backend", {{"backend", "b1"}, {"deadline_ms", 60'000}});
  control.kill_now();
  control.start();

  EXPECT_EQ(row()["then"], "reset");
  EXPECT_TRUE(control.eventually([&] { return row()["phase"] == "reset"; }));
  EXPECT_TRUE(state_becomes("down"));
}

TEST_F(HeldBackend, UdpVipsMayHaveADeadlineOfTheirOwn) {
  control.write_file(
      control.config_text() +
      "  - {name: dns, address: 203.0.113.11, port: 53, protocol: udp, backends: ["
      "{id: b1, address: 127.0.0.1}, {id: b2, address: 127.0.0.2}]}\n"
  );
  control.result("config reload");
  const auto end_of = [this](const char* vip) {
    const Json shown = control.result("show drain", {{"vip", vip}});
    return std::pair{shown["drains"][0]["then"], shown["drains"][0].value("remaining_ms", 0)};
  };

  control.result(
      "drain backend", {{"backend", "b1"}, {"deadline_ms", 600'000}, {"udp_deadline_ms", 60'000}}
  );
  EXPECT_GT(end_of("web").second, 60'000);
  EXPECT_GT(end_of("dns").second, 0);
  EXPECT_LE(end_of("dns").second, 60'000);

  control.result("undrain backend", {{"backend", "b1"}});
  const Json mixed =
      control.result("drain backend", {{"backend", "b1"}, {"udp_deadline_ms", 60'000}});
  EXPECT_FALSE(mixed.contains("then"));
  const Json tcp{{"protocol", "tcp"}, {"vips", 1}, {"flows", 0}, {"then", "keep"}};
  const Json udp{
      {"protocol", "udp"}, {"vips", 1}, {"flows", 0}, {"then", "reset"}, {"deadline_ms", 60'000}};
  EXPECT_EQ(mixed["protocols"], Json::array({tcp, udp}));
  EXPECT_EQ(end_of("web"), (std::pair{Json("keep"), 0}));
  EXPECT_EQ(end_of("dns").first, "reset");
  const Json none = control.result(
      "drain backend", {{"backend", "b1"}, {"vip", "web"}, {"udp_deadline_ms", 60'000}}
  );
  EXPECT_EQ(none["note"], "no udp vip has it: the time for udp changes nothing");
}

TEST_F(HeldBackend, MaintenanceIsLiftedByNothingElse) {
  control.result("maint backend", {{"backend", "b1"}, {"switch", "on"}});
  ASSERT_TRUE(state_becomes("draining"));

  EXPECT_EQ(
      refused("undrain backend", {{"backend", "b1"}})["message"],
      "backend b1 in vip web is in maintenance, end that first: maint backend b1 off"
  );
  control.signal(SIGHUP);
  ASSERT_TRUE(control.eventually([&] {
    return control.result("show status")["reloads"]["taken"] == 1;
  }));
  EXPECT_EQ(control.backend("b1")["state"], "draining");
  EXPECT_EQ(control.backend("b1")["why"], "in maintenance, until an operator ends it");

  control.result("maint backend", {{"backend", "b1"}, {"switch", "off"}});
  EXPECT_TRUE(state_becomes("active"));
}

TEST_F(HeldBackend, MaintenanceWithATimeEndsByItself) {
  control.result("maint backend", {{"backend", "b1"}, {"switch", "on"}, {"for_ms", 1000}});
  ASSERT_TRUE(state_becomes("draining"));
  EXPECT_EQ(control.backend("b1")["why"], "in maintenance, until its time is over");

  EXPECT_TRUE(state_becomes("active"));
  EXPECT_EQ(
      refused("maint backend", {{"backend", "b1"}, {"switch", "off"}, {"for_ms", 1000}})["message"],
      "'off' has no end, leave out the time"
  );
}

TEST_F(HeldBackend, ADrainAnswersWhatShowDrainCounts) {
  // What a worker counts of a backend is of all its vips together.
  auto workers = shm::Region::attach(
      control.folder() + "/run/workers", FL_REGION_WORKERS, shm::Access::kReadWrite
  );
  ASSERT_TRUE(workers) << workers.error().what;
  fl_workers& pages = *workers->at<fl_workers>(0);
  pages.worker_count = 1;
  pages.worker[0].backends[0].in_flight = 45;
  ASSERT_EQ(control.backend("b1")["in_flight"], 45);

  EXPECT_EQ(control.result("drain backend", {{"backend", "b1"}, {"vip", "web"}})["flows"], 0);
  EXPECT_EQ(row()["flows"], 0);
  EXPECT_EQ(control.result("undrain backend", {{"backend", "b1"}})["flows"], 0);
}

TEST_F(HeldBackend, ADrainGoesOnWhenMaintenanceOverItEnds) {
  control.result("drain backend", {{"backend", "b1"}, {"then", "remove"}});
  ASSERT_TRUE(state_becomes("removed"));
  EXPECT_EQ(control.result("show vip")["vips"][0]["backends"], 1) << "a removed one is not counted";
  EXPECT_EQ(control.result("show vip")["vips"][0]["healthy"], 1);

  const Json begun =
      control.result("maint backend", {{"backend", "b1"}, {"switch", "on"}, {"for_ms", 1000}});
  EXPECT_EQ(begun["note"], "its drain goes on when that ends");
  ASSERT_TRUE(state_becomes("draining"));
  EXPECT_EQ(
      control.backend("b1")["why"], "in maintenance, until its time is over; then its drain goes on"
  );
  control.kill_now();
  control.start();

  EXPECT_TRUE(state_becomes("removed"));
  control.result("maint backend", {{"backend", "b1"}, {"switch", "on"}});
  EXPECT_EQ(
      control.result("maint backend", {{"backend", "b1"}, {"switch", "off"}})["note"],
      "no new flows yet, its drain goes on"
  );
  EXPECT_TRUE(state_becomes("removed"));
  control.result("undrain backend", {{"backend", "b1"}});
  EXPECT_TRUE(state_becomes("active"));
}

TEST_F(HeldBackend, DisabledIsOffAtOnceAndTheLastOneIsKept) {
  control.result("disable backend", {{"backend", "b1"}});
  EXPECT_TRUE(state_becomes("down"));
  EXPECT_EQ(control.backend("b1")["health"], "up");
  EXPECT_EQ(control.backend("b1")["why"], "disabled by operator");
  for (const char* command : {"disable backend", "drain backend"}) {
    EXPECT_EQ(
        refused(command, {{"backend", "b2"}})["message"],
        "vip web would have no backend for new flows, give another one a weight or undrain it "
        "first"
    );
  }
  control.result("enable backend", {{"backend", "b1"}});
  EXPECT_TRUE(state_becomes("active"));
}

TEST_F(HeldBackend, BadWordsAreRefusedAndChangeNothing) {
  struct Case {
    const char* command;
    Json arguments;
    const char* says;
  };
  const Case cases[] = {
      {"drain backend",
       {{"backend", "b1"}, {"then", "reset"}},
       "drain: 'then reset' needs a deadline, as in deadline 10m then reset"},
      {"drain backend",
       {{"backend", "b1"}, {"then", "keep"}, {"deadline_ms", 5000}},
       "drain: a deadline needs 'then reset' or 'then remove', keep has no end"},
      {"drain backend",
       {{"backend", "b1"}, {"then", "explode"}},
       "argument 'then': 'explode' is none of keep, reset, remove"},
      {"drain backend",
       {{"backend", "b1"}, {"deadline_ms", 10}},
       "argument 'deadline_ms' must be a whole number, 1000 to 604800000"},
      {"drain backend", {{"backend", "b9"}}, "no backend 'b9'; known: b1, b2"},
      {"maint backend", {{"backend", "b1"}}, "'maint backend' needs argument 'switch'"},
      {"maint backend",
       {{"backend", "b1"}, {"switch", "maybe"}},
       "argument 'switch': 'maybe' is none of on, off"},
      {"disable backend", Json::object(), "'disable backend' needs argument 'backend'"},
      {"show drain", {{"vip", "ftp"}}, "no vip 'ftp'; known: web"},
  };
  for (const Case& c : cases) EXPECT_EQ(refused(c.command, c.arguments)["message"], c.says);
  EXPECT_EQ(row(), Json::object());
}

}  // namespace
}  // namespace fairlead::control
