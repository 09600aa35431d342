// SPDX-License-Identifier: BSD-3-Clause
// Four words, four things: drain, maintenance, off; which may follow which, and when a drain ends.
#include "control/holds.hh"

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

using base::kSecond;

const Member kB1{"web", "b1"};

Hold drain(base::Nanoseconds deadline, Then then) {
  return {HoldKind::kDrain, 10 * kSecond, deadline, then, 7, false};
}

std::size_t ended(Holds& holds, base::Nanoseconds now, std::uint64_t flows) {
  return end_drains(holds, now, [flows](const Member&) { return flows; }).size();
}

TEST(Holds, ADrainKeepsFlowsUntilItsDeadlineAndThenLetsThemGo) {
  Holds holds{{kB1, drain(70 * kSecond, Then::kReset)}};

  EXPECT_EQ(ended(holds, 70 * kSecond - 1, 1), 0U);
  EXPECT_TRUE(held_as(holds, kB1).draining);
  EXPECT_EQ(ended(holds, 70 * kSecond, 1), 1U);
  EXPECT_FALSE(held_as(holds, kB1).draining);
  EXPECT_TRUE(held_as(holds, kB1).off);
  EXPECT_FALSE(held_as(holds, kB1).removed);
  EXPECT_EQ(ended(holds, 80 * kSecond, 1), 0U) << "once";
}

TEST(Holds, ADrainWithoutFlowsEndsEarlyButNotBeforeWorkersKnow) {
  Holds holds{{kB1, drain(0, Then::kRemove)}};

  EXPECT_EQ(ended(holds, 11 * kSecond - 1, 0), 0U);
  EXPECT_EQ(ended(holds, 11 * kSecond, 1), 0U);
  EXPECT_EQ(ended(holds, 11 * kSecond, 0), 1U);
  EXPECT_TRUE(held_as(holds, kB1).removed);
}

TEST(Holds, ADrainThatKeepsHasNoEnd) {
  Holds holds{{kB1, drain(0, Then::kKeep)}};

  EXPECT_EQ(ended(holds, 3600 * kSecond, 0), 0U);
  EXPECT_TRUE(held_as(holds, kB1).draining);
}

TEST(Holds, AnotherDeadlineKeepsBeginningAndCount) {
  Holds holds{{kB1, drain(70 * kSecond, Then::kReset)}};
  Hold later = drain(100 * kSecond, Then::kRemove);
  later.since = 50 * kSecond;
  later.flows = 2;

  EXPECT_TRUE(*begin_hold(holds, kB1, later));

  EXPECT_EQ(holds.at(kB1).since, 10 * kSecond);
  EXPECT_EQ(holds.at(kB1).flows, 7U);
  EXPECT_EQ(holds.at(kB1).deadline, 100 * kSecond);
  EXPECT_FALSE(*begin_hold(holds, kB1, later)) << "nothing new";
}

TEST(Holds, MaintenanceAndOffAreNotLiftedByOtherWords) {
  struct Case {
    HoldKind held;
    HoldKind asked;
    bool ends;
    const char* says;
  };
  const Case cases[] = {
      {HoldKind::kMaint,
       HoldKind::kDrain,
       true,
       "backend b1 in vip web is in maintenance, end that first: maint backend b1 off"},
      {HoldKind::kMaint,
       HoldKind::kDrain,
       false,
       "backend b1 in vip web is in maintenance, end that first: maint backend b1 off"},
      {HoldKind::kMaint,
       HoldKind::kDisable,
       true,
       "backend b1 in vip web is in maintenance, end that first: maint backend b1 off"},
      {HoldKind::kDisable,
       HoldKind::kDrain,
       true,
       "backend b1 in vip web is disabled, end that first: enable backend b1"},
      {HoldKind::kDisable,
       HoldKind::kMaint,
       false,
       "backend b1 in vip web is disabled, end that first: enable backend b1"},
      {HoldKind::kDrain,
       HoldKind::kMaint,
       true,
       "backend b1 in vip web is drained, end that first: undrain backend b1"},
      {HoldKind::kDrain,
       HoldKind::kDisable,
       true,
       "backend b1 in vip web is drained, end that first: undrain backend b1"},
  };
  for (const Case& c : cases) {
    Holds holds{{kB1, Hold{c.held, 0, 0, Then::kKeep, 0, false}}};
    const Holds before = holds;
    const auto result = c.ends ? end_hold(holds, kB1, c.asked)
                               : begin_hold(holds, kB1, Hold{c.asked, 1, 0, Then::kKeep, 0, false});
    ASSERT_FALSE(result) << c.says;
    EXPECT_EQ(result.error().what, c.says);
    EXPECT_EQ(holds, before);
  }
}

TEST(Holds, MaintenanceMayFollowADrainWhichGoesOnAfterwards) {
  const Hold before = drain(70 * kSecond, Then::kReset);
  Holds holds{{kB1, before}};

  EXPECT_TRUE(*begin_hold(holds, kB1, Hold{HoldKind::kMaint, 20 * kSecond}));
  EXPECT_TRUE(*begin_hold(holds, kB1, Hold{HoldKind::kMaint, 30 * kSecond, 40 * kSecond}));

  EXPECT_EQ(ended(holds, 100 * kSecond, 0), 0U);
  EXPECT_TRUE(held_as(holds, kB1).draining);
  EXPECT_TRUE(*end_hold(holds, kB1, HoldKind::kMaint));
  EXPECT_EQ(holds.at(kB1), before);
  EXPECT_EQ(ended(holds, 100 * kSecond, 1), 1U) << "its deadline passed meanwhile";
  EXPECT_TRUE(*end_hold(holds, kB1, HoldKind::kDrain));
  EXPECT_TRUE(holds.empty());
  EXPECT_FALSE(*end_hold(holds, kB1, HoldKind::kMaint));
}

}  // namespace
}  // namespace fairlead::control
