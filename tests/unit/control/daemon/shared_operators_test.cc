// SPDX-License-Identifier: BSD-3-Clause
// Operators' decisions on their way between nodes with other clocks.
#include "control/shared_operators.hh"

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

// One host has been up for an hour, the other for a minute.
const Clocks kHere{3600 * base::kSecond, 1'700'000'000'000, "lb1"};
const Clocks kThere{60 * base::kSecond, 1'700'000'000'000, "lb2"};

OperatorState decisions() {
  OperatorState state;
  state.frozen = true;
  state.weights[{"web", "b1"}] = 50;
  state.holds[{"web", "b2"}] =
      Hold{HoldKind::kDrain, 3590 * base::kSecond, 3660 * base::kSecond, Then::kReset, 9, false};
  state.holds[{"web", "b3"}] = Hold{HoldKind::kMaint, 3000 * base::kSecond};
  state.holds[{"web", "b3"}].drain =
      Drain{2900 * base::kSecond, 3660 * base::kSecond, Then::kRemove, 4, false};
  state.health[{"web", "b4"}] = {true, 3700 * base::kSecond};
  state.left.insert("b9");
  state.disabled.insert("shop");
  return state;
}

TEST(SharedOperators, AnotherNodeReadsTheSameDecisionsInItsOwnTime) {
  const auto values = shared_values(decisions(), {}, kHere);
  OperatorState other;
  other.left.insert("b8");

  const OperatorState read = with_shared_values(other, values, kThere);

  EXPECT_TRUE(read.frozen);
  EXPECT_EQ(read.weights.at({"web", "b1"}), 50U);
  const Hold& drain = read.holds.at({"web", "b2"});
  EXPECT_EQ(drain.deadline, 120 * base::kSecond) << "a minute from now";
  EXPECT_EQ(drain.then, Then::kReset);
  EXPECT_EQ(read.holds.at({"web", "b3"}).kind, HoldKind::kMaint);
  EXPECT_EQ(read.holds.at({"web", "b3"}).drain->deadline, 120 * base::kSecond);
  EXPECT_EQ(read.holds.at({"web", "b3"}).drain->then, Then::kRemove);
  EXPECT_EQ(read.health.at({"web", "b4"}).until, 160 * base::kSecond);
  EXPECT_EQ(read.disabled, decisions().disabled);
  EXPECT_EQ(read.left, other.left) << "who left is what monitors say";
}

TEST(SharedOperators, WhatTheFleetHasAlreadyIsNotSaidAgain) {
  const auto values = shared_values(decisions(), {}, kHere);
  const OperatorState read = with_shared_values({}, values, kThere);
  // Clocks tremble, the maintenance began before this host did, flows are counted by each.
  const Clocks later{61 * base::kSecond, 1'700'000'001'300, "lb2"};
  EXPECT_EQ(shared_values(read, values, later), values);

  OperatorState over = read;
  over.holds.at({"web", "b2"}).over = true;
  EXPECT_EQ(fleet::changes_between(values, shared_values(over, values, later)).size(), 1U);
}

TEST(SharedOperators, ADeadlineThatPassedIsTheSameForAHostThatWasNotUpThen) {
  OperatorState state;
  state.holds[{"web", "b2"}] =
      Hold{HoldKind::kDrain, 1 * base::kSecond, 2 * base::kSecond, Then::kReset, 0, true};
  const auto values = shared_values(state, {}, kHere);
  const OperatorState read = with_shared_values({}, values, kThere);
  EXPECT_EQ(read.holds.at({"web", "b2"}).deadline, 1U) << "0 would be no deadline";
  EXPECT_EQ(shared_values(read, values, kThere), values);
}

TEST(SharedOperators, WhatCannotBeReadIsSkipped) {
  const fleet::Values values{
      {"hold/web/b1", "{\"hold\":\"sleep\"}"},
      {"hold/web/b2", "["},
      {"hold/web/b3", "{\"hold\":\"drain\",\"then\":\"keep\",\"over\":7}"},
      {"weight/web/b1", "70000"},
      {"weight/web", "7"},
      {"health/web/b1", "{}"},
      {"config", "{\"text\":\"vips: []\"}"},
      {"color/web/b1", "red"}};
  EXPECT_EQ(with_shared_values({}, values, kHere), OperatorState{});
}

TEST(SharedOperators, ARampIsOfTheNodeThatTheFleetHasItFrom) {
  const Member b1{"web", "b1"};
  OperatorState here;
  here.weights[b1] = 10;
  here.ramps[b1] = {10, 90, 10, 3600 * base::kSecond, 3660 * base::kSecond};
  const auto values = shared_values(here, {}, kHere);

  // The other node had begun one too, and hears that this one's is in etcd.
  OperatorState there;
  there.weights[b1] = 10;
  there.ramps[b1] = {10, 20, 10, 60 * base::kSecond, 90 * base::kSecond};
  there = with_shared_values(there, values, kThere);
  EXPECT_TRUE(there.ramps.empty());
  EXPECT_EQ(there.ramps_elsewhere, (RampsElsewhere{{b1, {"lb1", 90, 120 * base::kSecond}}}));
  EXPECT_EQ(shared_values(there, values, kThere), values) << "and has nothing to say to it";
  EXPECT_EQ(with_shared_values(here, values, kHere).ramps, here.ramps) << "the winner goes on";

  // A step on the way is no new word of an operator; a weight, or another kind of decision, is.
  fleet::Values step = values;
  step["weight/web/b1"] = "11";
  EXPECT_TRUE(only_steps(there, values, step));
  EXPECT_FALSE(only_steps(here, values, step));
  step["weight/web/b2"] = "11";
  EXPECT_FALSE(only_steps(there, values, step));

  end_ramps(there, b1);
  there.weights[b1] = 7;
  here = with_shared_values(here, shared_values(there, values, kThere), kHere);
  EXPECT_TRUE(here.ramps.empty()) << "a weight set there ends the ramp here";
  EXPECT_EQ(here.weights.at(b1), 7U);
}

}  // namespace
}  // namespace fairlead::control
