// SPDX-License-Identifier: BSD-3-Clause
// Queues and indirection tables change hands evenly, and as little as possible.
#include "dataplane/balance.hh"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

std::vector<unsigned> first(unsigned count) {
  std::vector<unsigned> all(count);
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

std::size_t changes(const std::vector<unsigned>& a, const std::vector<unsigned>& b) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) n += a[i] != b[i] ? 1 : 0;
  return n;
}

TEST(Balance, EveryWorkerGetsOneOfAsManyQueues) {
  EXPECT_EQ(rebalance({0, 0, 0, 0}, first(4)), (std::vector<unsigned>{0, 1, 2, 3}));
}

TEST(Balance, AWorkerMoreTakesOnlyItsShare) {
  const std::vector<unsigned> before = rebalance(std::vector<unsigned>(128, 0), first(2));

  const std::vector<unsigned> after = rebalance(before, first(3));

  EXPECT_EQ(changes(before, after), 42U);
  for (const unsigned w : first(3)) {
    const auto share = items_of(after, w).size();
    EXPECT_TRUE(share == 42 || share == 43) << share;
  }
}

TEST(Balance, AWorkerLessGivesAwayOnlyItsShare) {
  const std::vector<unsigned> before = rebalance(std::vector<unsigned>(128, 0), first(4));

  const std::vector<unsigned> after = rebalance(before, first(3));

  EXPECT_EQ(changes(before, after), items_of(before, 3).size());
}

TEST(Balance, NothingChangesWhenNothingHasTo) {
  const std::vector<unsigned> before = {0, 1, 1, 0};
  EXPECT_EQ(rebalance(before, first(2)), before);
}

TEST(Balance, QueueZeroStaysWithWorkerZero) {
  for (unsigned queues = 1; queues < 20; ++queues) {
    for (unsigned workers = 1; workers < 20; ++workers) {
      std::vector<unsigned> owners(queues, 0);
      owners = rebalance(owners, first(workers));
      owners = rebalance(owners, first(20 - workers));
      EXPECT_EQ(owners[0], 0U);
      std::size_t least = queues;
      std::size_t most = 0;
      for (const unsigned w : first(20 - workers)) {
        least = std::min(least, items_of(owners, w).size());
        most = std::max(most, items_of(owners, w).size());
      }
      EXPECT_LE(most - least, 1U) << queues << " queues, " << 20 - workers << " workers";
    }
  }
}

TEST(Balance, ASpreadOverQueuesThatAreNotNumberedFromZero) {
  const std::vector<unsigned> queues = {0, 4, 6};
  const auto table = rebalance(std::vector<unsigned>(64, 9), queues);
  EXPECT_EQ(items_of(table, 4).size() + items_of(table, 6).size() + items_of(table, 0).size(), 64U);
}

}  // namespace
}  // namespace fairlead::dataplane
