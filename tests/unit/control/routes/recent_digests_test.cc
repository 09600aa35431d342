// SPDX-License-Identifier: BSD-3-Clause
// Nodes that go the same way agree, whenever they were asked.
#include "control/routes/recent_digests.hh"

#include <gtest/gtest.h>

namespace fairlead::routes {
namespace {

constexpr base::Nanoseconds kStep = 100 * base::kMillisecond;

TEST(RecentDigests, WhatOthersToldASecondAgoIsKnownWhileWeightsChangeWithEachUpdate) {
  RecentDigests own;
  own.see(0, 0);
  own.see(1, 0);
  for (std::uint64_t i = 0; i < 600; ++i) {
    const std::uint64_t generation = 2 + i / 10;
    own.see(generation, i * kStep);
    EXPECT_TRUE(own.had(generation - 2));
    EXPECT_FALSE(own.had(generation + 1));
  }
}

TEST(RecentDigests, WhoeverStandsStillIsFoundOut) {
  RecentDigests own;
  own.see(1, 0);
  own.see(2, kStep);
  EXPECT_TRUE(own.had(1));
  own.see(2, RecentDigests::kMemory);
  EXPECT_FALSE(own.had(1));
  EXPECT_TRUE(own.had(2));
}

}  // namespace
}  // namespace fairlead::routes
