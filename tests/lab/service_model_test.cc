// SPDX-License-Identifier: BSD-3-Clause
#include "tests/lab/service_model.hh"

#include <vector>

#include <gtest/gtest.h>

namespace fairlead::lab {
namespace {

constexpr std::int64_t kMs = 1'000'000;

ServiceSettings constant(unsigned cores, unsigned capacity) {
  ServiceSettings s;
  s.cores = cores;
  s.capacity = capacity;
  s.mean_ms = 10;
  s.distribution = Distribution::kConstant;
  return s;
}

struct Done {
  std::uint64_t token;
  std::int64_t started;
  std::int64_t completed;
};

std::vector<Done> advance(ServiceModel& model, std::int64_t now) {
  std::vector<Done> done;
  model.advance(now, [&done](std::uint64_t token, std::int64_t started, std::int64_t completed) {
    done.push_back({token, started, completed});
  });
  return done;
}

TEST(ServiceModel, ServesAsManyAtOnceAsItHasCores) {
  ServiceModel model(constant(2, 8), 0);

  for (std::uint64_t token = 1; token <= 3; ++token) ASSERT_TRUE(model.offer(token, 0));

  EXPECT_EQ(advance(model, 10 * kMs).size(), 2u);
  EXPECT_EQ(advance(model, 20 * kMs).size(), 1u);
}

TEST(ServiceModel, StartsTheNextWhenItsPredecessorEndedHoweverLateItIsWoken) {
  ServiceModel model(constant(1, 8), 0);
  ASSERT_TRUE(model.offer(1, 0));
  ASSERT_TRUE(model.offer(2, 0));

  const std::vector<Done> done = advance(model, 90 * kMs);

  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[1].started, 10 * kMs);
  EXPECT_EQ(done[1].completed, 20 * kMs);
}

TEST(ServiceModel, RejectsAboveItsCapacity) {
  ServiceModel model(constant(1, 2), 0);

  EXPECT_TRUE(model.offer(1, 0));
  EXPECT_TRUE(model.offer(2, 0));
  EXPECT_FALSE(model.offer(3, 0));
}

TEST(ServiceModel, FinishesWorkBegunAtTheNewSpeed) {
  ServiceModel model(constant(1, 2), 0);
  ASSERT_TRUE(model.offer(1, 0));

  model.set_speed(0.5, 5 * kMs);  // half is left: 5 ms at speed 1, 10 ms now

  EXPECT_TRUE(advance(model, 14 * kMs).empty());
  ASSERT_EQ(advance(model, 15 * kMs).size(), 1u);
}

TEST(ServiceModel, ForgetsAWaitingRequestWhoseClientLeft) {
  ServiceModel model(constant(1, 4), 0);
  ASSERT_TRUE(model.offer(1, 0));
  ASSERT_TRUE(model.offer(2, 0));

  model.cancel(2);

  EXPECT_EQ(advance(model, 50 * kMs).size(), 1u);
  EXPECT_EQ(model.load().active, 0u);
}

TEST(ServiceModel, ReportsTheBusyShareOfItsCores) {
  ServiceModel model(constant(2, 16), 0);

  for (std::int64_t t = 0; t < 1000; t += 10) {  // one of two cores always busy
    advance(model, t * kMs);
    ASSERT_TRUE(model.offer(static_cast<std::uint64_t>(t + 1), t * kMs));
  }
  advance(model, 1000 * kMs);

  EXPECT_NEAR(model.load().cpu_utilization, 0.5, 0.02);
  EXPECT_NEAR(model.load().rps, 100, 3);
  EXPECT_NEAR(model.load().mean_latency_us, 10'000, 1);
}

TEST(ServiceModel, LognormalServiceHasTheConfiguredMean) {
  ServiceSettings settings = constant(1, 100'000);
  settings.distribution = Distribution::kLognormal;
  settings.sigma = 0.5;
  ServiceModel model(settings, 0);

  for (std::uint64_t token = 1; token <= 20'000; ++token) ASSERT_TRUE(model.offer(token, 0));
  const std::vector<Done> done = advance(model, 1'000'000 * kMs);

  EXPECT_NEAR(static_cast<double>(done.back().completed) / 20'000, 10.0 * kMs, 0.2 * kMs);
}

}  // namespace
}  // namespace fairlead::lab
