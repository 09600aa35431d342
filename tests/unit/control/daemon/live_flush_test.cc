// SPDX-License-Identifier: BSD-3-Clause
// `flush flow` of a running fairlead-control: the orders that workers, which the test plays, find.
#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "dataplane/shm/region.hh"
#include "dataplane/steer/flow_order.hh"
#include "dataplane/sys/system_clock.hh"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

/// A control with one backend, and the regions as workers have them.
class Flush : public ::testing::Test {
 protected:
  Flush() {
    control_.write_config({&backend_});
    control_.start();
    const std::string run = control_.folder() + "/run/";
    constexpr auto kWrite = shm::Access::kReadWrite;
    workers_ = std::move(*shm::Region::attach(run + "workers", FL_REGION_WORKERS, kWrite));
    steering_ = std::move(*shm::Region::attach(run + "steering", FL_REGION_STEERING, kWrite));
  }
  /// Worker `number` beats for an hour.
  void live(unsigned number) {
    pages().worker_count = std::max(pages().worker_count, number + 1);
    pages().worker[number].heartbeat_ns = sys::monotonic_ns() + 3600 * base::kSecond;
  }
  void finish(unsigned number) { pages().worker[number].flush_sequence = order().sequence; }
  [[nodiscard]] Json flush(const char* arguments) const {
    return control_.ask(R"({"command":"flush flow","arguments":)" + std::string(arguments) + "}");
  }
  fl_workers& pages() { return *workers_.at<fl_workers>(0); }
  fl_flow_order& order() { return *steering_.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET); }

  Backend backend_{1};
  RunningControl control_;
  shm::Region workers_;
  shm::Region steering_;
};

TEST_F(Flush, NamesWhoseFlowsAndTheRateOfAllWorkersTogether) {
  live(0);
  live(2);  // 1 has never run

  EXPECT_EQ(flush(R"({"backend":"b1","rate":5001})")["result"]["flows_per_second"], 5001);
  EXPECT_EQ(order().sequence, 1U);
  EXPECT_EQ(order().vip, FL_ANY);
  EXPECT_EQ(order().backend, 0U);
  EXPECT_EQ(order().per_second, 5001U);
  EXPECT_EQ(order().one_flow, 0U);

  for (const unsigned w : {0U, 2U}) finish(w);
  EXPECT_EQ(flush(R"({"vip":"web"})")["result"]["sequence"], 2);
  EXPECT_EQ(order().vip, 0U);
  EXPECT_EQ(order().backend, FL_ANY);
  EXPECT_EQ(order().per_second, 10000U) << "if nothing is said";

  for (const unsigned w : {0U, 2U}) finish(w);
  EXPECT_EQ(flush(R"({"vip":"web","backend":"b1","rate":1})")["result"]["flows_per_second"], 1);
  EXPECT_EQ(order().per_second, 1U);
}

TEST_F(Flush, IsRefusedWhileALivingWorkerIsAtWorkOnTheOneBefore) {
  EXPECT_EQ(flush(R"({"vip":"web"})")["code"], "unavailable") << "nobody would carry it out";
  live(0);
  live(1);
  ASSERT_TRUE(flush(R"({"vip":"web"})").contains("result"));
  finish(0);

  const Json refused = flush(R"({"backend":"b1"})");

  EXPECT_EQ(refused["code"], "failed_precondition");
  EXPECT_EQ(order().sequence, 1U);
  EXPECT_EQ(order().vip, 0U);
  pages().worker[1].heartbeat_ns = sys::monotonic_ns() - 2 * base::kSecond;
  EXPECT_TRUE(flush(R"({"backend":"b1"})").contains("result")) << "the other one is silent";
  EXPECT_EQ(order().sequence, 2U);
}

// Nobody beats for a worker that rests, but its table is swept, and others follow its flows until
// then.
TEST_F(Flush, IsRefusedWhileTheTableOfAWorkerThatRestsIsBeingSwept) {
  live(0);
  pages().worker_count = 2;
  pages().workers_running = 1;
  ASSERT_TRUE(flush(R"({"vip":"web"})").contains("result"));
  finish(0);

  EXPECT_EQ(flush(R"({"backend":"b1"})")["code"], "failed_precondition");
  finish(1);
  EXPECT_TRUE(flush(R"({"backend":"b1"})").contains("result"));

  finish(0);
  pages().worker[1].pid = 4711;  // of a data plane before this one
  EXPECT_TRUE(flush(R"({"vip":"web"})").contains("result"));
}

TEST_F(Flush, IsForADataPlaneAtRestToo) {
  pages().worker_count = 1;
  pages().workers_running = 0;
  pages().worker[0].heartbeat_ns = sys::monotonic_ns() - 2 * base::kSecond;
  pages().worker[0].pid = 1 << 22;  // larger than any
  EXPECT_EQ(flush(R"({"vip":"web"})")["code"], "unavailable") << "its process has ended";

  pages().worker[0].pid = 1;

  EXPECT_EQ(flush(R"({"vip":"web"})")["result"]["sequence"], 1);
  EXPECT_EQ(flush(R"({"vip":"web"})")["code"], "failed_precondition") << "its table is to be swept";
  finish(0);
  EXPECT_EQ(flush(R"({"vip":"web"})")["result"]["sequence"], 2);
}

TEST_F(Flush, OneThatAControlLeftHalfWrittenBlocksNobody) {
  live(0);
  order().sequence = 1 | steer::kOrderBeingWritten;

  EXPECT_EQ(flush(R"({"vip":"web"})")["result"]["sequence"], 2);
  EXPECT_EQ(order().sequence, 2U);
}

}  // namespace
}  // namespace fairlead::control
