// SPDX-License-Identifier: BSD-3-Clause
// A running fairlead-control whose weights an operator ramps or freezes, also over a kill.
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

TEST(ControlWeights, ARampArrivesAlsoOverARestartAndAnotherWeightEndsIt) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2});
  control.start();
  const auto weight = [&] { return control.backend("b1").value("configured_weight", 0); };

  control.result("set backend", {{"backend", "b1"}, {"weight", 4}});
  control.result("set backend", {{"backend", "b1"}, {"weight", 9}, {"ramp_ms", 2000}});
  EXPECT_EQ(weight(), 4) << "it begins where it is";
  EXPECT_EQ(control.backend("b1")["ramp_to"], 9);
  control.kill_now();
  control.start();
  EXPECT_TRUE(RunningControl::eventually([&] { return weight() == 9; }));
  EXPECT_FALSE(control.backend("b1").contains("ramp_to"));

  control.result("set backend", {{"backend", "b1"}, {"weight", 0}, {"ramp_ms", 86400000}});
  const char* const last = R"({"command":"set backend","arguments":{"backend":"b2","weight":0}})";
  EXPECT_EQ(control.ask(last)["code"], "failed_precondition") << "tomorrow nobody would be left";
  control.result("set backend", {{"backend", "b1"}, {"weight", 99}, {"ramp_ms", 86400000}});
  EXPECT_EQ(control.ask(last)["ok"], true);
  control.result("set backend", {{"backend", "b1"}, {"weight", 5}});
  EXPECT_EQ(weight(), 5);
  EXPECT_FALSE(control.backend("b1").contains("ramp_to"));
}

TEST(ControlWeights, ARampsStepDoesNotEndTheHoldOfWeightsThatWereRestored) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2}, "policy: {name: wlc}\n");
  control.start();
  const auto configured = [&] { return control.backend("b1").value("configured_weight", 0); };
  ASSERT_TRUE(RunningControl::eventually([&] { return control.backend("b2")["slots"] > 0; }));
  int before = 0;
  control.result("set backend", {{"backend", "b1"}, {"weight", 10000}, {"ramp_ms", 100'000}});
  ASSERT_TRUE(RunningControl::eventually([&] { return (before = configured()) > 100; }));
  control.kill_now();
  control.start();

  EXPECT_TRUE(RunningControl::eventually([&] {
    const Json rows = control.result("show backend")["backends"];
    const bool stepped = rows[0]["configured_weight"] > before;
    return stepped && rows[1].value("why", "").rfind("as published", 0) == 0;
  }));
}

TEST(ControlWeights, FrozenOnesStayWhileBackendsAreDrainedAndOverAKill) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2}, "policy: {name: wrr}\n");
  control.start();
  const auto weight = [&](const char* id) { return control.backend(id)["weight"].get<int>(); };
  const auto report = [](const char* id, int rate) {
    return Json{{"backend", id}, {"cpu", 0.25}, {"requests_per_second", rate}};
  };
  ASSERT_TRUE(control.eventually([&] {
    control.result("report load", {{"reports", {report("b1", 100), report("b2", 900)}}});
    return weight("b1") > 0 && weight("b1") < 900;  // on its way to a fifth of the mean
  }));
  control.result("freeze weights");
  const int first = weight("b1");
  const int second = weight("b2");

  control.result("drain backend", {{"backend", "b1"}});
  ASSERT_TRUE(control.eventually([&] { return control.backend("b1")["state"] == "draining"; }));
  EXPECT_EQ(weight("b2"), second);
  control.result("undrain backend", {{"backend", "b1"}});
  ASSERT_TRUE(control.eventually([&] { return weight("b1") > 0; }));
  EXPECT_EQ(weight("b1"), first);
  control.kill_now();
  control.start();
  control.result("drain backend", {{"backend", "b2"}});
  ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["state"] == "draining"; }));

  EXPECT_EQ(weight("b1"), first);
  EXPECT_EQ(control.backend("b1")["why"], "frozen by operator");
}

}  // namespace
}  // namespace fairlead::control
