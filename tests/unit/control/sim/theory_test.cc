// SPDX-License-Identifier: BSD-3-Clause
// The model against queueing theory, within 1 %. Sizes make the statistical error 0.2 to 0.4 %.
#include <cmath>

#include <gtest/gtest.h>

#include "control/sim/scenario.hh"
#include "control/sim/simulation.hh"

namespace fairlead::sim {
namespace {

/// `count` equal servers without a limit, random routing: independent queues of one server each.
Setup queues(
    std::uint32_t count, std::uint32_t cores, double load, const char* policy, Time duration
) {
  Setup s;
  s.nodes = 1;
  s.duration = duration;
  s.warmup = 5 * kSecond;
  s.service.kind = ServiceKind::kExponential;
  s.monitoring.interval = 3600 * kSecond;
  s.health.interval = 3600 * kSecond;
  for (std::uint32_t b = 0; b < count; ++b) {
    Backend backend;
    backend.id = "b" + std::to_string(b);
    backend.spec.cores = cores;
    backend.spec.concurrency = 1'000'000;
    s.backends.push_back(backend);
  }
  s.arrivals.rate = load * capacity_of(s);
  s.policy = *make_policy(policy);
  return s;
}

double mean_ms(const Setup& setup) {
  const Measures m = Simulation(setup).run();
  EXPECT_EQ(m.rejected + m.failed, 0U);
  return m.warm_latency.mean() * 1e-6;
}

/// Mean time in M/M/c (Erlang C), service 20 ms.
double erlang_ms(int c, double load) {
  const double a = c * load;
  double term = 1;
  double sum = 1;
  for (int k = 1; k < c; ++k) {
    term *= a / k;
    sum += term;
  }
  const double last = term * a / c / (1 - load);
  const double waits = last / (sum + last);
  return 20 + waits * 20 / (c * (1 - load));
}

TEST(QueueingTheory, OneServerExponential) {
  EXPECT_NEAR(mean_ms(queues(1000, 1, 0.7, "random", 75 * kSecond)) / erlang_ms(1, 0.7), 1, 0.01);
}

TEST(QueueingTheory, FourServersExponential) {
  EXPECT_NEAR(mean_ms(queues(250, 4, 0.8, "random", 75 * kSecond)) / erlang_ms(4, 0.8), 1, 0.01);
}

TEST(QueueingTheory, OneCentralQueueIsManyServers) {
  auto setup = queues(10, 4, 0.9, "central-queue", 1500 * kSecond);
  EXPECT_NEAR(mean_ms(setup) / erlang_ms(40, 0.9), 1, 0.01);
}

TEST(QueueingTheory, GeneralServiceFollowsPollaczekKhinchine) {
  auto setup = queues(1000, 1, 0.6, "random", 90 * kSecond);
  setup.service.kind = ServiceKind::kLognormal;
  setup.service.sigma = 0.8;
  const double variation = std::exp(0.64) - 1;  // squared coefficient of a lognormal
  const double expected = 20 * (1 + 0.6 / 0.4 * (1 + variation) / 2);
  EXPECT_NEAR(mean_ms(setup) / expected, 1, 0.01);
}

TEST(QueueingTheory, SharingDoesNotCareAboutTheDistribution) {
  for (const auto kind : {ServiceKind::kLognormal, ServiceKind::kBimodal}) {
    auto setup = queues(1000, 1, 0.6, "random", 75 * kSecond);
    setup.service.kind = kind;
    for (Backend& b : setup.backends) b.spec.discipline = Discipline::kSharing;
    EXPECT_NEAR(mean_ms(setup) / (20 / 0.4), 1, 0.01);
  }
}

TEST(QueueingTheory, TwoChoicesFollowTheMeanField) {
  // Mitzenmacher: sum over i of load^(2^i - 2), for infinitely many servers.
  double expected = 0;
  for (int i = 1; i <= 8; ++i) expected += 20 * std::pow(0.9, std::pow(2, i) - 2);
  EXPECT_NEAR(mean_ms(queues(1000, 1, 0.9, "p2c", 40 * kSecond)) / expected, 1, 0.01);
}

TEST(ServiceTimes, HaveTheMeanTheyAreAskedFor) {
  for (const auto kind :
       {ServiceKind::kFixed,
        ServiceKind::kExponential,
        ServiceKind::kLognormal,
        ServiceKind::kBimodal}) {
    const ServiceDraw draw({kind, 0.02, 1});
    const auto words = draws(7, StreamName::kWork);
    double sum = 0;
    for (std::uint64_t i = 0; i < 2'000'000; ++i) sum += draw(words.word(i));
    EXPECT_NEAR(sum / 2e6 / 0.02, 1, 0.005) << static_cast<int>(kind);
  }
}

}  // namespace
}  // namespace fairlead::sim
