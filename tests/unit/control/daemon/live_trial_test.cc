// SPDX-License-Identifier: BSD-3-Clause
// A running fairlead-control whose trials end badly: weights set by hand, a disk that refuses, a
// file that is touched, SIGKILL; and decisions that cannot be kept.
#include <csignal>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

class TrialNode : public ::testing::Test {
 protected:
  void SetUp() override {
    control.write_config(
        {&b1, &b2, &b3}, "policy: {name: static}\nchanges: {watch: on}\n", ", type: none"
    );
    old_text = control.config_text();
    control.start();
  }
  /// Without b3, until the time is over.
  void begin_trial(int confirm_ms) const {
    std::string text = old_text;
    text.resize(text.rfind("{id: b3"));
    control.result("config load", {{"text", text + "]}\n"}, {"name", "new.yaml"}});
    control.result("config commit", {{"confirm_ms", confirm_ms}});
    ASSERT_FALSE(has_b3());
  }
  bool has_b3() const { return control.result("show backend")["backends"].size() == 3; }
  bool is_back() const {
    return RunningControl::eventually([this] { return has_b3(); });
  }
  Json refused_now(const std::string& command, const Json& arguments) const {
    const Json reply = control.ask(Json{{"command", command}, {"arguments", arguments}}.dump());
    EXPECT_FALSE(reply.value("ok", true)) << command;
    return reply;
  }
  bool told(const std::string& what) const {
    const Json events = control.result("show events", {{"kind", "config"}})["events"];
    for (const Json& event : events)
      if (event["what"] == what) return true;
    return false;
  }
  /// Nothing can be written to this file beside any more, not even by root.
  void block(const std::string& name) const {
    std::filesystem::create_directory(control.folder() + "/run/" + name);
  }
  void unblock(const std::string& name) const {
    std::filesystem::remove(control.folder() + "/run/" + name);
  }
  int weight_of_b1() const { return control.backend("b1")["configured_weight"]; }

  Backend b1{1};
  Backend b2{2};
  Backend b3{3};
  RunningControl control;
  std::string old_text;
};

TEST_F(TrialNode, WeightsSetByHandComeBackWithTheOldText) {
  control.result("set backend", {{"backend", "b1"}, {"weight", 10}});
  control.result("set backend", {{"backend", "b2"}, {"weight", 200}, {"ramp_ms", 3'600'000}});
  begin_trial(1000);
  EXPECT_EQ(weight_of_b1(), 100);

  ASSERT_TRUE(is_back());

  EXPECT_EQ(weight_of_b1(), 10);
  EXPECT_EQ(control.backend("b2")["ramp_to"], 200);
}

TEST_F(TrialNode, WeightsSetByHandComeBackAfterKillNineAndAConfirmedTrialEndsThem) {
  control.result("set backend", {{"backend", "b1"}, {"weight", 10}});
  begin_trial(1000);
  control.kill_now();
  control.start();
  ASSERT_TRUE(is_back());
  EXPECT_EQ(weight_of_b1(), 10);

  begin_trial(60'000);
  control.result("config confirm");
  control.result("config rollback", {{"revision", 1}});
  EXPECT_EQ(weight_of_b1(), 100);
}

TEST_F(TrialNode, RollbackAfterATrialDoesNotBringItBack) {
  begin_trial(1000);
  ASSERT_TRUE(is_back());

  const Json reply = refused_now("config rollback", Json::object());

  EXPECT_EQ(reply["message"], "there is no revision before 3, nothing to go back to");
  EXPECT_TRUE(has_b3());
}

TEST_F(TrialNode, GoesBackInTimeThoughTheHistoryCannotBeWritten) {
  begin_trial(1000);
  block("changes/revisions.json.new");

  ASSERT_TRUE(is_back());

  EXPECT_TRUE(told("not kept"));
  const std::string error = control.result("show status")["history_error"];
  EXPECT_NE(error.find("revisions.json.new"), std::string::npos) << error;
  refused_now("config load", {{"text", old_text + "# more\n"}, {"name", "x"}});
  unblock("changes/revisions.json.new");
  EXPECT_TRUE(control.eventually([&] { return told("kept"); }));
  EXPECT_FALSE(control.result("show status").contains("history_error"));
  control.kill_now();
  control.start();
  EXPECT_TRUE(has_b3());
  EXPECT_EQ(control.result("show config history")["revision"], 3);
}

TEST_F(TrialNode, ATouchOfTheFileIsNoNews) {
  begin_trial(60'000);

  control.write_file(old_text);
  control.result("show status");  // one turn of the loop each: the change was seen
  control.write_file(old_text);

  EXPECT_FALSE(RunningControl::eventually([&] { return has_b3(); }, 50));
  EXPECT_TRUE(control.result("show config history").contains("trial"));
  control.write_file(old_text + "# edited\n");
  EXPECT_TRUE(is_back()) << "what the file says anew counts";
}

TEST_F(TrialNode, ADecisionThatCannotBeKeptIsRefused) {
  block("state.json.new");
  const Json before = control.result("show status");
  struct Case {
    const char* command;
    Json arguments;
  };
  const Case cases[] = {
      {"maint backend", {{"backend", "b3"}, {"switch", "on"}}},
      {"drain backend", {{"backend", "b3"}}},
      {"set backend", {{"backend", "b3"}, {"weight", 7}}},
      {"set health backend", {{"backend", "b3"}, {"health", "down"}}},
      {"disable vip", {{"vip", "web"}}},
      {"withdraw node", Json::object()},
      {"freeze weights", Json::object()},
  };
  for (const Case& c : cases) {
    const std::string says = refused_now(c.command, c.arguments)["message"];
    EXPECT_EQ(says.rfind("nothing is changed, the decision cannot be kept: ", 0), 0U) << says;
  }
  EXPECT_EQ(control.backend("b3")["state"], "active");
  EXPECT_EQ(control.backend("b3")["configured_weight"], 100);
  EXPECT_EQ(control.result("show status")["frozen"], false);
  EXPECT_EQ(control.result("show status")["generation"], before["generation"]);

  unblock("state.json.new");
  control.result("maint backend", {{"backend", "b3"}, {"switch", "on"}});
  control.kill_now();
  control.start();
  EXPECT_EQ(control.result("show drain")["drains"][0]["hold"], "maint");
}

TEST_F(TrialNode, WhatCannotBeRefusedIsToldAndWrittenLater) {
  control.result("maint backend", {{"backend", "b3"}, {"switch", "on"}, {"for_ms", 1000}});
  block("state.json.new");

  ASSERT_TRUE(control.eventually([&] {
    return control.result("show status").contains("decisions_error");
  }));
  unblock("state.json.new");

  EXPECT_TRUE(control.eventually([&] {
    return !control.result("show status").contains("decisions_error");
  }));
}

}  // namespace
}  // namespace fairlead::control
