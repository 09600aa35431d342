// SPDX-License-Identifier: BSD-3-Clause
// Sums over pages, the law, and the latency histogram's inverse.
#include "control/api/counters.hh"

#include <memory>

#include <gtest/gtest.h>

namespace fairlead::api {
namespace {

std::unique_ptr<fl_workers> workers(std::uint32_t count) {
  auto out = std::make_unique<fl_workers>();
  out->worker_count = count;
  return out;
}

TEST(Counters, BucketFloorsInvertTheBucketFunction) {
  for (std::uint32_t b = 0; b < FL_LATENCY_BUCKETS; ++b) {
    const std::uint64_t floor = steer::latency_bucket_floor(b);
    if (floor >> 32 != 0) break;
    EXPECT_EQ(fl_latency_bucket(floor), b);
    if (floor > 0) {
      EXPECT_EQ(fl_latency_bucket(floor - 1), b - 1);
    }
  }
}

TEST(Counters, LatencyOfManyWorkersIsOneHistogram) {
  auto w = workers(2);
  w->worker[0].latency[fl_latency_bucket(1000)] = 98;
  w->worker[1].latency[fl_latency_bucket(100'000)] = 2;

  const steer::Latency l = latency(*w);

  EXPECT_EQ(l.samples, 100U);
  EXPECT_NEAR(l.p50_ns, 1000, 130);
  EXPECT_NEAR(l.p99_ns, 100'000, 13'000);
  EXPECT_NEAR(l.mean_ns, 0.98 * 1000 + 0.02 * 100'000, 390);
  EXPECT_EQ(latency(*workers(2)).samples, 0U);
}

TEST(Latency, AWindowShowsTheLastIntervalAlone) {
  const auto w = workers(2);
  w->worker[0].latency[fl_latency_bucket(1'000'000)] = 1000;  // before anybody looked
  LatencyWindow window;
  window.look(*w, 10 * base::kSecond);
  EXPECT_EQ(window.node().samples, 0U);

  w->worker[0].latency[fl_latency_bucket(1000)] += 10;
  w->worker[1].latency[fl_latency_bucket(50'000)] += 30;
  window.look(*w, 10 * base::kSecond + base::kMillisecond);
  EXPECT_EQ(window.node().samples, 0U) << "too early";
  window.look(*w, 11 * base::kSecond);

  EXPECT_EQ(window.node().samples, 40U);
  EXPECT_LT(window.node().p99_ns, 100'000);
  EXPECT_NEAR(window.worker(0).p50_ns, 1000, 130);
  EXPECT_EQ(window.worker(1).samples, 30U);
  EXPECT_EQ(window.worker(7).samples, 0U);
}

TEST(Counters, BackendSumsAreOverWorkersInUse) {
  auto w = workers(2);
  const auto set = [&w](unsigned worker, std::uint64_t packets, std::uint32_t in_flight) {
    w->worker[worker].backends[7].packets = packets;
    w->worker[worker].backends[7].in_flight = in_flight;
  };
  set(0, 1, 3);
  set(1, 2, 4);
  set(2, 99, 99);
  w->worker[0].backends[7].ejected_until_ns = 200;
  w->worker[1].backends[7].ejected_until_ns = 50;

  const BackendSum sum = backend_sum(*w, 7);

  EXPECT_EQ(sum.packets, 3U);
  EXPECT_EQ(sum.in_flight, 7U);
  EXPECT_EQ(sum.ejected_by, 2U) << "an ejection does not end by time alone";
  EXPECT_EQ(backend_sum(*w, FL_MAX_BACKENDS).packets, 0U);
}

TEST(Counters, ResidueShowsABrokenLaw) {
  auto w = workers(1);
  fl_worker_page& page = w->worker[0];
  page.rx_packets = 10;
  page.tx_packets = 6;
  page.punted = 1;
  page.drops[5] = 3;

  EXPECT_EQ(residue(page), 0);
  page.drops[5] = 4;
  EXPECT_EQ(residue(page), -1);
}

TEST(Counters, DamagedWorkerCountIsBounded) {
  auto w = workers(0xffffffff);

  EXPECT_EQ(pages(*w).size(), FL_MAX_WORKERS);
}

}  // namespace
}  // namespace fairlead::api
