// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/path/new_flow_meter.hh"

#include <gtest/gtest.h>

namespace fairlead::path {
namespace {

/// Flows allowed of `per_ms` a millisecond over `ms` milliseconds.
unsigned allowed(
    NewFlowMeter& meter, std::uint32_t limit, unsigned per_ms, unsigned ms, base::Nanoseconds& now
) {
  unsigned out = 0;
  for (unsigned i = 0; i < ms; ++i) {
    now += base::kMillisecond;
    refill(meter, limit, now);
    for (unsigned k = 0; k < per_ms; ++k) out += take_credit(meter, limit);
  }
  return out;
}

TEST(NewFlowMeter, LetsEverythingBelowTheLimitThrough) {
  NewFlowMeter meter;
  base::Nanoseconds now = base::kSecond;

  EXPECT_EQ(9000U, allowed(meter, 10'000, 9, 1000, now));
}

TEST(NewFlowMeter, EntersNothingWhileTheFloodLasts) {
  NewFlowMeter meter;
  base::Nanoseconds now = base::kSecond;
  const unsigned at_first = allowed(meter, 10'000, 100, 1000, now);

  EXPECT_LE(at_first, 1500U);  // the depth of the meter: 100 ms' worth
  EXPECT_EQ(0U, allowed(meter, 10'000, 100, 1000, now));
}

TEST(NewFlowMeter, EntersFlowsAgainSoonAfterTheFlood) {
  NewFlowMeter meter;
  base::Nanoseconds now = base::kSecond;
  allowed(meter, 10'000, 100, 1000, now);
  now += kMeterDepth + kMeterDepth / 2 + base::kMillisecond;

  EXPECT_EQ(500U, allowed(meter, 10'000, 5, 100, now));
}

TEST(NewFlowMeter, IsFullAfterAPauseOfAnyLengthWhateverTheLimit) {
  for (const std::uint32_t limit : {1U, 319U, 320U, 500'000U, 1'000'000'000U, ~0U}) {
    for (const base::Nanoseconds pause : {64U, 100U, 300U, 10'000U}) {
      NewFlowMeter meter;
      base::Nanoseconds now = base::kSecond;
      refill(meter, limit, now);
      meter.credit = -meter_depth(limit);
      now += pause * base::kSecond;
      refill(meter, limit, now);
      EXPECT_EQ(meter.credit, meter_depth(limit)) << limit << " a second, " << pause << " s";
    }
  }
}

TEST(NewFlowMeter, DoesNotSwitchBackAndForthAroundTheLimit) {
  NewFlowMeter meter;
  base::Nanoseconds now = base::kSecond;
  allowed(meter, 10'000, 100, 1000, now);
  unsigned changes = 0;
  bool before = meter.flooded;
  for (int i = 0; i < 5000; ++i) {  // 9 and 11 a millisecond, the limit being 10
    allowed(meter, 10'000, i % 2 == 0 ? 9 : 11, 1, now);
    changes += meter.flooded != before ? 1 : 0;
    before = meter.flooded;
  }

  EXPECT_EQ(0U, changes);
}

TEST(NewFlowMeter, ALimitOfZeroIsNone) {
  NewFlowMeter meter;
  base::Nanoseconds now = base::kSecond;

  EXPECT_EQ(100'000U, allowed(meter, 0, 1000, 100, now));
}

}  // namespace
}  // namespace fairlead::path
