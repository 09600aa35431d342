// SPDX-License-Identifier: BSD-3-Clause
// Counters that were cleared: what is shown begins anew, what is kept does not.
#include "control/stats_baseline.hh"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

std::uint64_t value(const std::vector<api::NamedCounter>& counters, const std::string& name) {
  for (const api::NamedCounter& c : counters)
    if (c.name == name) return c.value;
  ADD_FAILURE() << name;
  return 0;
}

TEST(StatsBaseline, ShowsWhatCameSinceAndTouchesNoPage) {
  const auto workers = std::make_unique<fl_workers>();
  workers->worker_count = 2;
  fl_worker_page& page = workers->worker[1];
  page.rx_packets = 100;
  page.flows = 7;
  page.vips[3].packets = 90;
  page.drops[FL_REASON_NO_VIP] = 10;
  StatsBaseline cleared;
  EXPECT_EQ(value(cleared.worker(1, page), "rx_packets"), 100U) << "nobody cleared anything";

  cleared.take(*workers, 4, 5);
  page.rx_packets += 11;
  page.vips[3].packets += 9;
  page.vips[4].packets += 1;
  page.drops[FL_REASON_NO_VIP] += 2;

  EXPECT_EQ(cleared.taken(), 5U);
  EXPECT_EQ(value(cleared.worker(1, page), "rx_packets"), 11U);
  EXPECT_EQ(value(cleared.worker(1, page), "dropped"), 2U);
  EXPECT_EQ(value(cleared.worker(1, page), "flows"), 7U) << "they are there";
  EXPECT_EQ(value(cleared.vip(1, page, 3), "packets"), 9U);
  EXPECT_EQ(value(cleared.vip(1, page, 4), "packets"), 1U);
  EXPECT_EQ(cleared.reason(1, page, FL_REASON_NO_VIP).drops, 2U);
  EXPECT_EQ(cleared.lost_in_socket(6), 2U);
  EXPECT_EQ(page.rx_packets, 111U);
}

TEST(StatsBaseline, AWorkerThatCameLaterAndACounterThatBeganAnewAreShownWhole) {
  const auto workers = std::make_unique<fl_workers>();
  workers->worker_count = 1;
  workers->worker[0].vips[3].packets = 90;
  StatsBaseline cleared;

  cleared.take(*workers, 0, 5);
  workers->worker[0].vips[3].packets = 2;
  workers->worker[1].rx_packets = 8;

  EXPECT_EQ(value(cleared.vip(0, workers->worker[0], 3), "packets"), 2U);
  EXPECT_EQ(value(cleared.worker(1, workers->worker[1]), "rx_packets"), 8U);
}

}  // namespace
}  // namespace fairlead::control
