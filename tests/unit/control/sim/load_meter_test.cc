// SPDX-License-Identifier: BSD-3-Clause
// Which seconds no balancer could have served.
#include "control/sim/load_meter.hh"

#include <gtest/gtest.h>

namespace fairlead::sim {
namespace {

constexpr Time kSecond = 1'000'000'000;

TEST(LoadMeter, ASecondIsCrowdedByWhatComesAndByWhatIsLeftOver) {
  LoadMeter meter(0);
  meter.set_capacity(0, 10, 100);
  const double offered[] = {5, 14, 8, 5};  // 4 are left over, then 2, then none
  for (int s = 0; s < 4; ++s) {
    meter.offer(s * kSecond + 1, offered[s]);
    meter.served(s * kSecond + 1, (s + 1) * kSecond);
  }

  const LoadMeasures m = meter.finish();

  EXPECT_DOUBLE_EQ(m.peak, 1.4);
  EXPECT_EQ(m.crowded_seconds, 2U);
  EXPECT_EQ(m.uncrowded.count(), 2U);
  EXPECT_DOUBLE_EQ(m.uncrowded.mean(), 2.5e9);
}

TEST(LoadMeter, CapacityThatLeavesIsMissedForTheTimeItIsAway) {
  LoadMeter meter(0);
  meter.set_capacity(0, 10, 100);
  meter.offer(0, 8);
  meter.set_capacity(kSecond / 2, 4, 100);
  meter.offer(kSecond / 2, 0);

  const LoadMeasures m = meter.finish();

  EXPECT_DOUBLE_EQ(m.peak, 8.0 / 7);
  EXPECT_EQ(m.crowded_seconds, 1U);
}

TEST(LoadMeter, QueuesHoldNoMoreThanTheirRoom) {
  LoadMeter meter(0);
  meter.set_capacity(0, 10, 3);
  meter.offer(0, 100);
  meter.offer(kSecond, 6);

  EXPECT_EQ(meter.finish().crowded_seconds, 1U);
}

TEST(LoadMeter, WarmingUpIsInNoFigure) {
  LoadMeter meter(kSecond);
  meter.set_capacity(0, 10, 0);
  meter.offer(0, 100);
  meter.offer(kSecond, 6);

  const LoadMeasures m = meter.finish();

  EXPECT_EQ(m.crowded_seconds, 0U);
  EXPECT_DOUBLE_EQ(m.peak, 0.6);
}

TEST(LoadMeter, AnswersAfterTheirSecondCountForIt) {
  LoadMeter meter(0);
  meter.set_capacity(0, 10, 0);
  meter.offer(0, 20);
  meter.offer(kSecond, 1);
  meter.served(0, 3 * kSecond);
  meter.served(kSecond, kSecond / 4);

  EXPECT_DOUBLE_EQ(meter.finish().uncrowded.mean(), 0.25e9);
}

}  // namespace
}  // namespace fairlead::sim
