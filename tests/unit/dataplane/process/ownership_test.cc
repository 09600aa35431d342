// SPDX-License-Identifier: BSD-3-Clause
// A worker's side of the hand-over, with a page instead of a gate.
#include "dataplane/ownership.hh"

#include <memory>

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

class OwnershipTest : public ::testing::Test {
 protected:
  std::unique_ptr<fl_worker_page> page_ = std::make_unique<fl_worker_page>();
  fl_sign& sign_ = *fl_sign_of(page_.get());
  Ownership ownership_{page_.get()};
};

TEST_F(OwnershipTest, ANewPageIsTheGates) {
  EXPECT_FALSE(ownership_.held());
}

TEST_F(OwnershipTest, ClaimingRenewsTheHeartbeatAndLetsGoOfTheLock) {
  ownership_.claim(7 * base::kSecond);

  EXPECT_TRUE(ownership_.held());
  EXPECT_EQ(page_->heartbeat_ns, 7 * base::kSecond);
  EXPECT_EQ(sign_.lock, static_cast<std::uint32_t>(FL_LOCK_FREE));
}

TEST_F(OwnershipTest, ALockThatADeadPredecessorHeldDoesNotStopTheNext) {
  sign_.lock = FL_LOCK_DATAPLANE;
  sign_.owner = FL_OWNER_DATAPLANE;

  ownership_.claim(base::kSecond);

  EXPECT_TRUE(ownership_.held());
  EXPECT_EQ(sign_.lock, static_cast<std::uint32_t>(FL_LOCK_FREE));
}

// Who holds the region's writer lock, as a data plane does that starts, knows that no tool lives.
TEST_F(OwnershipTest, ALockThatAKilledToolHeldDoesNotStopADataPlane) {
  sign_.lock = FL_LOCK_TOOL;

  ownership_.claim(base::kSecond);

  EXPECT_TRUE(ownership_.held());
  EXPECT_EQ(sign_.lock, static_cast<std::uint32_t>(FL_LOCK_FREE));
}

TEST_F(OwnershipTest, GivingBackMakesTheGateTheOwner) {
  ownership_.claim(base::kSecond);

  ownership_.give_back();

  EXPECT_FALSE(ownership_.held());
  EXPECT_EQ(sign_.lock, static_cast<std::uint32_t>(FL_LOCK_FREE));
}

TEST_F(OwnershipTest, DoesNotFreeALockThatTheGateTookFromIt) {
  ownership_.lock();
  sign_.lock = FL_LOCK_GATE;

  ownership_.unlock();

  EXPECT_EQ(sign_.lock, static_cast<std::uint32_t>(FL_LOCK_GATE));
}

TEST_F(OwnershipTest, ClaimsAgainOnlyAfterItRanWithoutPause) {
  base::Nanoseconds now = base::kSecond;
  EXPECT_FALSE(ownership_.may_claim_again(now));
  now += Ownership::kPause;
  EXPECT_FALSE(ownership_.may_claim_again(now));
  now += Ownership::kPause;
  EXPECT_TRUE(ownership_.may_claim_again(now)) << "20 ms without a pause";
}

TEST_F(OwnershipTest, APauseBeginsTheWaitAnew) {
  base::Nanoseconds now = base::kSecond;
  EXPECT_FALSE(ownership_.may_claim_again(now));
  now += Ownership::kSteady + base::kMillisecond;
  EXPECT_FALSE(ownership_.may_claim_again(now)) << "it did not run for 21 ms";
  now += Ownership::kSteady + base::kMillisecond;
  EXPECT_FALSE(ownership_.may_claim_again(now));
}

}  // namespace
}  // namespace fairlead::dataplane
