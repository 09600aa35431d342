// SPDX-License-Identifier: BSD-3-Clause
// A worse sample counts at once and is forgotten slowly.
#include <gtest/gtest.h>

#include "control/policy/picker.hh"
#include "tests/unit/control/policy/picker_world.hh"

namespace fairlead::policy {
namespace {

TEST(PeakEwma, AvoidsABackendAfterOneBadSampleAndForgivesIt) {
  World w({1, 1});
  const auto picker = make_peak_ewma();
  for (int i = 0; i < 50; ++i)
    for (const std::uint32_t b : {0U, 1U}) picker->closed(b, 20000, true, w.now);
  picker->closed(0, 200000, true, w.now);
  // Drawn twice in a row it is taken all the same: 1 in 4.
  EXPECT_NEAR(w.picks(*picker, 10000)[0], 2500, 180);

  w.now += 100 * base::kSecond;
  picker->closed(0, 20000, true, w.now);
  picker->closed(1, 20000, true, w.now);
  EXPECT_NEAR(w.picks(*picker, 10000)[0], 5000, 2600);
  EXPECT_GT(w.picks(*picker, 10000)[0], 2400);
}

TEST(PeakEwma, AFailureCostsASecond) {
  World w({1, 1});
  const auto picker = make_peak_ewma();
  picker->closed(0, 100, false, w.now);
  picker->closed(1, 500000, true, w.now);
  EXPECT_NEAR(w.picks(*picker, 10000)[0], 2500, 180);
}

}  // namespace
}  // namespace fairlead::policy
