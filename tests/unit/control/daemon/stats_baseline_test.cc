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

TEST(StatsBaseline, OneVipOrBackendIsClearedAlone) {
  const auto workers = std::make_unique<fl_workers>();
  workers->worker_count = 2;
  for (unsigned w = 0; w < 2; ++w) {
    fl_worker_page& page = workers->worker[w];
    page.rx_packets = 100;
    page.vips[3].packets = page.vips[4].packets = 40;
    page.backends[5].packets = page.backends[6].packets = 30;
  }
  StatsBaseline cleared;

  cleared.take_vip(*workers, 3, 7);
  cleared.take_backend(*workers, 5, 8);
  workers->worker[1].vips[3].packets += 2;
  workers->worker[1].backends[5].packets += 1;

  EXPECT_EQ(cleared.vip_sum(*workers, 3).packets, 2U);
  EXPECT_EQ(cleared.vip_sum(*workers, 4).packets, 80U);
  EXPECT_EQ(cleared.backend(*workers, 5).packets, 1U);
  EXPECT_EQ(cleared.backend(*workers, 6).packets, 60U);
  EXPECT_EQ(value(cleared.worker(1, workers->worker[1]), "rx_packets"), 100U);
  EXPECT_EQ(cleared.taken(), 0U);
  EXPECT_EQ(cleared.vip_taken(3), 7U);
  EXPECT_EQ(cleared.vip_taken(4), 0U);
  EXPECT_EQ(cleared.backend_taken(5), 8U);
  cleared.take(*workers, 0, 9);
  EXPECT_EQ(cleared.vip_taken(3), 9U) << "with all";
  EXPECT_EQ(cleared.backend(*workers, 6).packets, 0U);
}

TEST(StatsBaseline, APageThatBeganAnewIsShownWholeAlsoWhereItIsPastTheBaseline) {
  const auto workers = std::make_unique<fl_workers>();
  workers->worker_count = 2;
  for (unsigned w = 0; w < 2; ++w) {
    fl_worker_page& page = workers->worker[w];
    page.bursts = 1000;
    page.rx_packets = page.vips[3].packets = page.backends[5].packets = 100;
    page.drops[FL_REASON_NO_VIP] = 10;
  }
  StatsBaseline cleared;
  cleared.take(*workers, 0, 5);

  fl_worker_page& anew = workers->worker[1];
  anew.bursts = 4;
  anew.rx_packets = anew.vips[3].packets = anew.backends[5].packets = 130;
  anew.drops[FL_REASON_NO_VIP] = 3;
  workers->worker[0].backends[5].packets += 1;

  EXPECT_EQ(value(cleared.worker(1, anew), "rx_packets"), 130U);
  EXPECT_EQ(value(cleared.vip(1, anew, 3), "packets"), 130U);
  EXPECT_EQ(cleared.reason(1, anew, FL_REASON_NO_VIP).drops, 3U);
  EXPECT_EQ(cleared.backend(*workers, 5).packets, 131U);
  cleared.take_vip(*workers, 3, 6);
  EXPECT_EQ(cleared.vip_sum(*workers, 3).packets, 0U);
  EXPECT_EQ(value(cleared.worker(1, anew), "rx_packets"), 130U) << "not hidden by the page before";
}

TEST(StatsBaseline, WhatAKilledWorkerHadInHandMakesNoGreatNumber) {
  const auto workers = std::make_unique<fl_workers>();
  workers->worker_count = 1;
  fl_worker_page& page = workers->worker[0];
  page.bursts = 10;
  page.rx_packets = 1'000'000;
  StatsBaseline cleared;
  cleared.take(*workers, 0, 5);

  page.rx_packets -= 32;  // by its successor
  EXPECT_EQ(value(cleared.worker(0, page), "rx_packets"), 0U);
  page.rx_packets += 50;
  EXPECT_EQ(value(cleared.worker(0, page), "rx_packets"), 18U);
}

}  // namespace
}  // namespace fairlead::control
