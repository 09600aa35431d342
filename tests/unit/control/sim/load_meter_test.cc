// SPDX-License-Identifier: BSD-3-Clause
// Which moments no balancer could have served.
#include "control/sim/load_meter.hh"

#include <gtest/gtest.h>

namespace fairlead::sim {
namespace {

constexpr Time kTenth = 100'000'000;

TEST(LoadMeter, AWindowIsCrowdedByWhatComesAndByWhatIsLeftOver) {
  LoadMeter meter(0);
  meter.set_capacity(0, 100, 100);         // 10 a window
  const double offered[] = {5, 14, 8, 5};  // 4 are left over, then 2, then none
  for (int w = 0; w < 4; ++w) {
    meter.offer(w * kTenth + 1, offered[w]);
    meter.served(w * kTenth + 1, (w + 1) * kTenth);
  }

  const LoadMeasures m = meter.finish();

  EXPECT_DOUBLE_EQ(m.crowded_seconds, 0.2);
  EXPECT_EQ(m.uncrowded.count(), 2U);
  EXPECT_DOUBLE_EQ(m.uncrowded.mean(), 2.5e8);
}

TEST(LoadMeter, CapacityThatLeavesIsMissedForTheTimeItIsAway) {
  LoadMeter meter(0);
  meter.set_capacity(0, 10, 100);
  meter.offer(0, 8);
  meter.set_capacity(5 * kTenth, 4, 100);
  meter.offer(10 * kTenth, 0);

  EXPECT_DOUBLE_EQ(meter.finish().peak, 8.0 / 7);
}

TEST(LoadMeter, QueuesHoldNoMoreThanTheirRoom) {
  LoadMeter meter(0);
  meter.set_capacity(0, 100, 3);
  meter.offer(0, 100);
  meter.offer(kTenth, 6);

  EXPECT_DOUBLE_EQ(meter.finish().crowded_seconds, 0.1);
}

TEST(LoadMeter, WarmingUpIsInNoFigure) {
  LoadMeter meter(10 * kTenth);
  meter.set_capacity(0, 100, 0);
  meter.offer(0, 1000);
  meter.offer(10 * kTenth, 60);
  meter.offer(20 * kTenth, 0);

  const LoadMeasures m = meter.finish();

  EXPECT_DOUBLE_EQ(m.crowded_seconds, 0.1);
  EXPECT_DOUBLE_EQ(m.peak, 0.6);
}

TEST(LoadMeter, AnswersAfterTheirWindowCountForIt) {
  LoadMeter meter(0);
  meter.set_capacity(0, 100, 0);
  meter.offer(0, 20);
  meter.offer(kTenth, 1);
  meter.served(0, 30 * kTenth);
  meter.served(kTenth, kTenth / 4);

  EXPECT_DOUBLE_EQ(meter.finish().uncrowded.mean(), 0.25e8);
}

}  // namespace
}  // namespace fairlead::sim
