// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/path/decision_sink.hh"

#include <thread>

#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::packet;

TEST(DecisionSink, RefusesWhenFullAndTakesAgainWhenRead) {
  DecisionSink sink(4);
  Decision d;
  for (std::uint32_t i = 0; i < 4; ++i) {
    d.backend = i;
    EXPECT_TRUE(sink.try_push(d));
  }

  EXPECT_FALSE(sink.try_push(d));
  Decision out;
  ASSERT_TRUE(sink.try_pop(out));
  EXPECT_EQ(0U, out.backend);
  EXPECT_TRUE(sink.try_push(d));
}

TEST(DecisionSink, HandsOverEverythingInOrderBetweenThreads) {
  DecisionSink sink(64);
  constexpr std::uint32_t kCount =
      6400;  // a hundred times round; each may take two turns of the scheduler
  std::thread producer([&] {
    Decision d;
    for (std::uint32_t i = 0; i < kCount;) {
      d.backend = i;
      if (sink.try_push(d))
        ++i;
      else
        std::this_thread::yield();
    }
  });

  std::uint32_t expected = 0;
  Decision out;
  while (expected < kCount) {
    if (!sink.try_pop(out)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(expected, out.backend);
    ++expected;
  }
  producer.join();
}

TEST(DecisionSink, GetsOneDecisionPerNewFlowAndTheWorkerCountsSkips) {
  testing::TestTable table;
  table.vips = {{.prefix = "203.0.113.20", .members = {{.address = "10.0.0.1", .backend = 7}}}};
  const testing::TestBank bank(table);
  testing::TestWorker worker;
  worker.use(bank.view());
  DecisionSink sink(2);
  worker.context().decisions = &sink;
  for (std::uint16_t client = 1; client <= 3; ++client) {
    worker.run_one(packet().ipv4("198.51.100.7", "203.0.113.20").tcp(client, 80, "S"));
    worker.run_one(packet().ipv4("198.51.100.7", "203.0.113.20").tcp(client, 80, "A"));
  }

  EXPECT_EQ(2U, worker.page().decisions_logged);
  EXPECT_EQ(1U, worker.page().decisions_skipped);
  Decision out;
  ASSERT_TRUE(sink.try_pop(out));
  EXPECT_EQ(7U, out.backend);
  EXPECT_EQ(1, out.tuple.source_port());
  EXPECT_EQ("203.0.113.20", out.tuple.destination_address().to_string());
}

}  // namespace
}  // namespace fairlead::path
