// SPDX-License-Identifier: BSD-3-Clause
// The state file: there and back, missing, damaged.
#include "control/operator_state.hh"

#include <cstdio>
#include <fstream>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

class StateFile : public testing::Test {
 protected:
  void TearDown() override { std::remove(path_.c_str()); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }
  const std::string path_ = "/tmp/fairlead-state-test-" + std::to_string(::getpid()) + ".json";
};

TEST_F(StateFile, ReadsBackWhatItWrote) {
  OperatorState state;
  state.frozen = true;
  state.weights[{"web", "b1"}] = 50;
  state.holds[{"web", "b\"2"}] = Hold{HoldKind::kDrain, 5, 7, Then::kReset, 9, true};
  state.holds[{"web", "b3"}] = Hold{HoldKind::kMaint};
  state.holds[{"web", "b4"}] = Hold{HoldKind::kDisable, 8};
  state.holds[{"web", "b4"}].drain = Drain{5, 7, Then::kRemove, 9, true};
  state.left.insert("b3");
  state.disabled.insert("shop");
  state.ramps[{"web", "b1"}] = Ramp{10, 90, 50, 5, 7};
  state.set_aside = SetAside{0xfedc'ba98'7654'3210, {{{"web", "b4"}, 7}}, state.ramps};

  ASSERT_TRUE(save_operator_state(path_, state));
  const auto read = load_operator_state(path_);

  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, state);
}

TEST_F(StateFile, MissingIsEmpty) {
  EXPECT_EQ(load_operator_state(path_), OperatorState{});
}

TEST(OperatorState, WhatWasSetAsideComesBackOnlyWithItsText) {
  OperatorState during;
  during.set_aside = SetAside{7, {{{"web", "b1"}, 10}}, {}};
  during.weights[{"web", "b1"}] = 50;  // in the trial
  OperatorState confirmed = during;

  EXPECT_TRUE(end_trial(during, 7));
  EXPECT_TRUE(end_trial(confirmed, 8));

  EXPECT_EQ(during.weights.at({"web", "b1"}), 10U);
  EXPECT_EQ(confirmed.weights.at({"web", "b1"}), 50U);
  EXPECT_FALSE(during.set_aside || confirmed.set_aside);
  EXPECT_FALSE(end_trial(during, 7));
}

TEST_F(StateFile, DamagedIsRefusedWhole) {
  for (const char* text : {
           "",
           "{",
           "[]",
           "{}",
           R"({"format":2,"frozen":false,"weights":[],"drained":[],"left":[]})",
           R"({"format":1,"frozen":1,"weights":[],"drained":[],"left":[]})",
           R"({"format":1,"frozen":false,"weights":{},"drained":[],"left":[]})",
           R"({"format":1,"frozen":false,"weights":[{"vip":"a","backend":"b"}],)"
           R"("drained":[],"left":[]})",
           R"({"format":1,"frozen":false,"weights":[{"vip":"a","backend":"b","weight":-1}],)"
           R"("drained":[],"left":[]})",
           R"({"format":1,"frozen":false,"weights":[{"vip":"a","backend":"b","weight":99999}],)"
           R"("drained":[],"left":[]})",
           R"({"format":1,"frozen":false,"weights":[],"drained":["b1"],"left":[]})",
           R"({"format":1,"frozen":false,"weights":[],"drained":[],"left":[],"set_aside":{}})",
           R"({"format":1,"frozen":false,"weights":[],"drained":[],"left":[],)"
           R"("set_aside":{"digest":1,"weights":7,"ramps":[]}})",
           R"({"format":1,"frozen":false,"weights":[],"drained":[],"left":[7]})",
           R"({"format":1,"frozen":false,"weights":[],"drained":[],"left":[],"disabled":[7]})",
           R"({"format":1,"frozen":false,"weights":[],"drained":[],"left":[],"ramps":[{}]})",
       }) {
    write(text);
    const auto read = load_operator_state(path_);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, base::ErrorCode::kDataLoss);
  }
}

TEST(OperatorDecisions, GoWithTheirVip) {
  OperatorState state;
  state.disabled = {"shop", "web"};
  state.holds[{"shop", "b1"}] = Hold{HoldKind::kMaint};
  state.holds[{"web", "b1"}] = Hold{HoldKind::kDrain};
  state.health[{"old", "b1"}] = {false, 0};
  state.frozen = true;
  model::Vip web;
  web.name = "web";

  EXPECT_EQ(forget_gone_vips(state, {web}), (std::set<std::string>{"old", "shop"}));

  EXPECT_EQ(state.disabled, std::set<std::string>{"web"});
  EXPECT_EQ(state.holds.size(), 1U);
  EXPECT_TRUE(state.health.empty());
  EXPECT_TRUE(state.frozen);
  EXPECT_TRUE(forget_gone_vips(state, {web}).empty());
}

}  // namespace
}  // namespace fairlead::control
