// SPDX-License-Identifier: BSD-3-Clause
// A thousand targets that begin at once spread over the interval and stay so.
#include "control/health/rhythm.hh"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace fairlead::health {
namespace {

TEST(Rhythm, AThousandProbesSpreadAndNoneIsLate) {
  constexpr base::Nanoseconds kInterval = base::kSecond;
  constexpr std::size_t kParts = 20;  // of an interval
  std::mt19937_64 random(1);
  std::vector<std::size_t> begun(30 * kParts, 0);
  for (int target = 0; target < 1000; ++target) {
    base::Nanoseconds at = random() % (100 * base::kMillisecond);
    for (bool first = true;; first = false) {
      const base::Nanoseconds next = next_begin(at, kInterval, first, random());
      ASSERT_GT(next, at);
      ASSERT_LE(next, at + kInterval);
      at = next;
      const auto part = static_cast<std::size_t>(at / (kInterval / kParts));
      if (part >= begun.size()) break;
      ++begun[part];
    }
  }
  const auto from = begun.begin() + 2 * kParts;
  EXPECT_GT(*std::min_element(from, begun.end()), 20U);  // 51 on average
  EXPECT_LT(*std::max_element(from, begun.end()), 100U);
}

}  // namespace
}  // namespace fairlead::health
