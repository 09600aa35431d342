// SPDX-License-Identifier: BSD-3-Clause
// What counts of other nodes are worth, by their age and the number of nodes.
#include "control/exchange/worth.hh"

#include <gtest/gtest.h>

namespace fairlead::exchange {
namespace {

TEST(ExchangeWorth, MoreNodesBearOlderCounts) {
  EXPECT_TRUE(worth_using(10 * base::kMillisecond, 5));
  EXPECT_FALSE(worth_using(11 * base::kMillisecond, 5));
  EXPECT_TRUE(worth_using(50 * base::kMillisecond, 50));
  EXPECT_FALSE(worth_using(100 * base::kMillisecond, 50));
}

TEST(ExchangeWorth, TheUsualExchangeIsWorthUsingFromTwoNodesOn) {
  for (unsigned nodes = 2; nodes < 1000; ++nodes)
    EXPECT_TRUE(worth_using(6 * base::kMillisecond, nodes));
}

TEST(ExchangeWorth, FewNodesScoreByWeightAlone) {
  EXPECT_FALSE(parallel_is_used(0));
  EXPECT_FALSE(parallel_is_used(5));
  EXPECT_TRUE(parallel_is_used(6));
}

TEST(ExchangeWorth, OneOfManyKnowsTooLittleToWeighItsOwnCounts) {
  EXPECT_FALSE(weights_are_for_tables(0));
  EXPECT_FALSE(weights_are_for_tables(16));
  EXPECT_TRUE(weights_are_for_tables(17));
}

}  // namespace
}  // namespace fairlead::exchange
