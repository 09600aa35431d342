// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/steer/reserves.h"

#include <gtest/gtest.h>

namespace fairlead::steer {
namespace {

TEST(Reserves, AreAsManyAsAHopListCanName) {
  struct Row {
    std::uint32_t choices, reserves4, hops4, reserves6, hops6;
  };
  for (const Row& row : {Row{1, 0, 1, 0, 1}, {2, 1, 5, 0, 3}, {3, 2, 9, 0, 5}, {4, 1, 9, 0, 7}}) {
    EXPECT_EQ(fl_reserves(row.choices, FL_ENCAP_GUE, 4, 0), row.reserves4);
    EXPECT_EQ(fl_reserves(row.choices, FL_ENCAP_GUE, 6, 0), row.reserves6);
    EXPECT_EQ(fl_most_hops(row.choices, FL_ENCAP_GUE, 6, 4), row.hops4);
    EXPECT_EQ(fl_most_hops(row.choices, FL_ENCAP_GUE, 6, 6), row.hops6);
    EXPECT_LE(row.hops4, FL_GUE_MAX_HOPS);
    EXPECT_LE(row.hops6, FL_GUE_MAX_HOPS6);
  }
}

TEST(Reserves, OfTheOnlyNodeAreManyExceptWhereThereAreNone) {
  for (const std::uint32_t encapsulation : {FL_ENCAP_GUE, FL_ENCAP_IPIP, FL_ENCAP_L2})
    EXPECT_EQ(fl_reserves(3, encapsulation, 4, FL_VIP_ONLY_NODE), FL_RESERVES_OF_ONLY_NODE);
  EXPECT_EQ(fl_reserves(1, FL_ENCAP_GUE, 4, FL_VIP_ONLY_NODE), 0U) << "plain Maglev";
  EXPECT_EQ(fl_reserves(3, FL_ENCAP_GUE, 6, FL_VIP_ONLY_NODE), 0U) << "no room in lists";
  EXPECT_EQ(fl_reserves(3, FL_ENCAP_GUE, 4, FL_VIP_NO_ECHO), 2U) << "another flag";
}

TEST(Reserves, EverybodyWhoMayBeOneIsAskedWherePacketsHaveRoom) {
  EXPECT_EQ(fl_longest_list(3, FL_ENCAP_GUE, 6, 4, 24), 23U);
  EXPECT_EQ(fl_longest_list(3, FL_ENCAP_GUE, 6, 4, 25), 23U);
  EXPECT_EQ(fl_longest_list(1, FL_ENCAP_GUE, 6, 4, 25), 1U) << "has none, and the pool is large";
  EXPECT_EQ(fl_longest_list(1, FL_ENCAP_GUE, 6, 4, 10), 23U);
  EXPECT_EQ(fl_longest_list(3, FL_ENCAP_GUE, 6, 6, 10), 5U) << "over IPv6 a hop takes 16 bytes";
  EXPECT_EQ(fl_longest_list(3, FL_ENCAP_IPIP, 6, 4, 10), 0U);
  EXPECT_EQ(fl_longest_list(3, FL_ENCAP_GUE, 17, 4, 10), 0U);
}

TEST(Reserves, WhereNoListIsNeededAreTheSameInBothFamilies) {
  for (const std::uint32_t encapsulation : {FL_ENCAP_IPIP, FL_ENCAP_L2})
    for (const std::uint32_t family : {4U, 6U}) {
      EXPECT_EQ(fl_reserves(3, encapsulation, family, 0), 2U);
      EXPECT_EQ(fl_most_hops(3, encapsulation, 6, family), 0U);
    }
  EXPECT_EQ(fl_most_hops(3, FL_ENCAP_GUE, 17, 4), 0U) << "UDP has no second chance";
}

}  // namespace
}  // namespace fairlead::steer
