// SPDX-License-Identifier: BSD-3-Clause
// What counts of other nodes are worth, by their age and the number of nodes.
#include "control/exchange/worth.hh"

#include <gtest/gtest.h>

#include "dataplane/steer/reserves.h"

namespace fairlead::exchange {
namespace {

TEST(ExchangeWorth, MoreNodesBearOlderCounts) {
  EXPECT_TRUE(worth_using(11 * base::kMillisecond, 6));
  EXPECT_FALSE(worth_using(12 * base::kMillisecond, 6));
  EXPECT_TRUE(worth_using(50 * base::kMillisecond, 50));
  EXPECT_FALSE(worth_using(100 * base::kMillisecond, 50));
}

TEST(ExchangeWorth, TheUsualExchangeIsWorthUsingFromFourNodesOn) {
  for (unsigned nodes = 4; nodes < 1000; ++nodes)
    EXPECT_TRUE(worth_using(6 * base::kMillisecond, nodes));
}

TEST(ExchangeWorth, FewNodesGoByTheirOwnCounts) {
  for (unsigned nodes = 0; nodes < 4; ++nodes) EXPECT_FALSE(worth_using(0, nodes));
}

TEST(ExchangeWorth, UpToFiveNodesScoreByWeightAlone) {
  EXPECT_FALSE(parallel_is_used(5));
  EXPECT_TRUE(parallel_is_used(6));
}

TEST(ExchangeWorth, FewNodesHaveAsManyReservesAsHopListsName) {
  EXPECT_EQ(reserves_of(0, true, 3), 0U) << "not known: the usual number";
  EXPECT_EQ(reserves_of(1, true, 3), 16U) << "others may join it";
  EXPECT_EQ(reserves_of(3, true, 3), 16U);
  EXPECT_LT(reserves_of(3, true, 3), kReservesAlone);
  EXPECT_EQ(reserves_of(3, true, 2), 16U);
  EXPECT_EQ(reserves_of(3, true, 4), 14U);
  EXPECT_EQ(reserves_of(2, false, 3), 0U);
  EXPECT_EQ(reserves_of(4, true, 3), 0U);
}

TEST(ExchangeWorth, AListThatNamesEveryEarlierOwnerNamesTheReservesToo) {
  for (unsigned choices = 2; choices <= FL_MAX_CANDIDATES; ++choices) {
    const unsigned told = fl_most_hops(choices, FL_ENCAP_GUE, 6, 4);
    const unsigned farther =
        reserves_of(1, true, choices) - fl_reserves(choices, FL_ENCAP_GUE, 4, 0);
    EXPECT_LE(told + farther, FL_GUE_MAX_HOPS) << choices << " candidates";
    EXPECT_LE(reserves_of(1, true, choices), FL_ASKED_SLOTS);
  }
}

TEST(ExchangeWorth, OneOfManyKnowsTooLittleToWeighItsOwnCounts) {
  EXPECT_FALSE(weights_are_for_tables(0));
  EXPECT_FALSE(weights_are_for_tables(16));
  EXPECT_TRUE(weights_are_for_tables(17));
}

}  // namespace
}  // namespace fairlead::exchange
