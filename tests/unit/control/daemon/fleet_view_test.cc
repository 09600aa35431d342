// SPDX-License-Identifier: BSD-3-Clause
// Alarms on disagreement; when counts of others may be relied on.
#include "control/fleet_view.hh"

#include <gtest/gtest.h>

#include "control/exchange_link.hh"

namespace fairlead::control {
namespace {

constexpr base::Nanoseconds kNow = 1000 * base::kSecond;

FleetNode node(const char* id, std::uint64_t digest) {
  FleetNode n;
  n.id = id;
  n.digest = digest;
  return n;
}

TEST(FleetView, NodesThatDifferForLongAreAnAlarmAndOneWhenTheyAgreeAgain) {
  FleetView fleet;
  fleet.nodes = {node("lb1", 5), node("lb2", 5)};
  EXPECT_FALSE(fleet.look_at_digests(kNow));
  fleet.nodes[1].digest = 6;
  EXPECT_FALSE(fleet.look_at_digests(kNow)) << "a change goes round";
  EXPECT_FALSE(fleet.look_at_digests(kNow + kMayDiffer - 1));
  EXPECT_TRUE(fleet.look_at_digests(kNow + kMayDiffer));
  EXPECT_TRUE(fleet.alarmed);
  EXPECT_FALSE(fleet.look_at_digests(kNow + 2 * kMayDiffer)) << "told once";
  fleet.nodes[0].digest = 6;
  EXPECT_TRUE(fleet.look_at_digests(kNow + 2 * kMayDiffer));
  EXPECT_FALSE(fleet.alarmed);
}

TEST(FleetView, ShortDifferencesOneAfterTheOtherAreNone) {
  FleetView fleet;
  for (int i = 0; i < 20; ++i) {
    fleet.nodes = {node("lb1", 5), node("lb2", i % 2 == 0 ? 5U : 6U)};
    EXPECT_FALSE(fleet.look_at_digests(kNow + static_cast<base::Nanoseconds>(i) * base::kSecond));
  }
}

/// Ids of who was heard, then of who was not.
std::string hearing(
    const FleetView& fleet, const std::vector<std::string>& leases, base::Nanoseconds now
) {
  const auto hearing = fleet.hearing("lb1", leases, now);
  std::string out;
  for (const FleetNode& heard : hearing.heard) out += heard.id + " ";
  out += "|";
  for (const std::string& id : hearing.silent) out += " " + id;
  return out;
}

FleetView heard_of(std::vector<FleetNode> rows, base::Nanoseconds now) {
  FleetView fleet;
  (void)fleet.choice.judge(0, 1, 1, now);
  fleet.take(std::move(rows), now);
  return fleet;
}

TEST(FleetView, AfterAChangeOfTheLeaderWhoIsNotHeardYetIsMissing) {
  FleetView fleet = heard_of({node("lb1", 5), node("lb2", 5), node("lb3", 5)}, kNow);
  EXPECT_EQ(hearing(fleet, {}, kNow), "lb2 lb3 |");

  fleet.take({node("lb1", 5)}, kNow + 1);
  EXPECT_EQ(hearing(fleet, {}, kNow + 1), "| lb2 lb3");
  EXPECT_EQ(hearing(fleet, {}, kNow + 2 * kRemembered), "|") << "gone, as far as one can know";
}

TEST(FleetView, ALeaseSaysThatANodeIsThereEvenIfItWasNeverHeard) {
  const FleetView fleet = heard_of({node("lb1", 5), node("lb2", 5)}, kNow);
  EXPECT_EQ(hearing(fleet, {"lb1", "lb2", "lb3"}, kNow), "lb2 | lb3");
}

TEST(FleetView, WhatWasToldLongAgoIsNotHeard) {
  FleetNode old = node("lb2", 5);
  old.age_ms = 2000;
  const FleetView fleet = heard_of({old}, kNow);
  EXPECT_EQ(hearing(fleet, {}, kNow), "lb2 |");
  EXPECT_EQ(hearing(fleet, {}, kNow + 2 * base::kSecond), "| lb2") << "the update is old, too";
}

TEST(Trust, TakesASecondOfSteadyCountsAndASecondWithoutThemToEnd) {
  Trust trust;
  EXPECT_FALSE(trust.look(false, kNow));
  EXPECT_FALSE(trust.look(true, kNow + 1));
  EXPECT_FALSE(trust.look(false, kNow + Trust::kSteady / 2)) << "an interruption begins anew";
  EXPECT_FALSE(trust.look(true, kNow + Trust::kSteady));
  EXPECT_TRUE(trust.look(true, kNow + 3 * Trust::kSteady / 2));
  EXPECT_TRUE(trust.trusted());
  EXPECT_FALSE(trust.look(false, kNow + 2 * Trust::kSteady));
  EXPECT_TRUE(trust.look(false, kNow + 3 * Trust::kSteady));
  EXPECT_FALSE(trust.trusted());
}

}  // namespace
}  // namespace fairlead::control
