// SPDX-License-Identifier: BSD-3-Clause
// Decisions follow from what was logged, byte for byte; a changed input or decision is noticed.
#include "control/policy/decision_log.hh"

#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include "control/policy/random.hh"

namespace fairlead::policy {
namespace {

using base::kSecond;
using model::PolicyName;

/// Turns of a pool whose reports are noise, with holes and nonsense in them.
std::string log_of(PolicyName policy, int turns, State state = {}) {
  std::string out;
  DecisionLog log([&](std::string_view line) { out += line; });
  Random random(7);
  Snapshot snapshot;
  snapshot.policy = policy;
  for (int b = 0; b < 5; ++b) snapshot.backends.push_back({"b" + std::to_string(b), 100, 64, true});
  for (int turn = 1; turn <= turns; ++turn) {
    Observations observed;
    observed.now = static_cast<base::Nanoseconds>(100 + turn) * kSecond;
    for (std::size_t b = 0; b < snapshot.backends.size(); ++b) {
      Observation o;
      o.in_flight = random.below(9);
      if (random.uniform() < 0.9) {
        Report r;
        r.received_ns = observed.now;
        r.sequence = static_cast<std::uint64_t>(turn);
        r.cpu = random.uniform();
        r.requests_per_second = 300 * random.uniform();
        r.active = 6 * random.uniform();
        r.mean_latency_us = 1e4 + 1e5 * random.uniform();
        r.period = kSecond;
        if (random.uniform() < 0.05) r.cpu = std::numeric_limits<double>::quiet_NaN();
        if (random.uniform() < 0.05) r.active = std::numeric_limits<double>::infinity();
        o.reports.push_back(r);
      }
      observed.backends.push_back(o);
    }
    if (turn == turns / 2) snapshot.parameters.learning = Learning::kShadow;
    if (turn == turns / 3) snapshot.backends.pop_back();
    log.begin("web", state);
    const Weights weights = update(snapshot, observed, state, kSecond);
    log.end("web", snapshot, observed, kSecond, weights, state);
  }
  return out;
}

base::Result<Replayed> replayed(const std::string& text) {
  std::istringstream in(text);
  return replay(in, "log");
}

class EveryPolicy : public testing::TestWithParam<PolicyName> {};
INSTANTIATE_TEST_SUITE_P(
    Policies,
    EveryPolicy,
    testing::Values(
        PolicyName::kStatic,
        PolicyName::kWrr,
        PolicyName::kLatency,
        PolicyName::kPrequal,
        PolicyName::kAdaptive,
        PolicyName::kEg,
        PolicyName::kActorCritic
    )
);

TEST_P(EveryPolicy, IsRecomputedByteForByte) {
  const auto result = replayed(log_of(GetParam(), 90));
  ASSERT_TRUE(result) << result.error().what;
  EXPECT_EQ(result->turns, 90U);
  EXPECT_EQ(result->pools, 1U);
}

TEST(DecisionLog, WeightsOfBeforeARestartArePartOfTheInputs) {
  State restored;
  for (int b = 0; b < 5; ++b)
    restored.backends["b" + std::to_string(b)].table_weight =
        restored.backends["b" + std::to_string(b)].score_weight = 500 + 100 * b;
  const std::string text = log_of(PolicyName::kAdaptive, 20, restored);
  EXPECT_NE(text.find("\"restored\":{\"b0\":[500"), std::string::npos);
  EXPECT_TRUE(replayed(text));
}

TEST(DecisionLog, AChangedInputIsNoticed) {
  std::string text = log_of(PolicyName::kEg, 20);
  const auto at = text.find("\"requests_per_second\":", text.size() / 2);
  text.insert(at + 22, "9");
  const auto result = replayed(text);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what.find("does not follow"), std::string::npos);
}

TEST(DecisionLog, ALogWithoutItsBeginningIsRefused) {
  const std::string text = log_of(PolicyName::kEg, 20);
  const auto result = replayed(text.substr(text.find('\n') + 1));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what.find("log:1: the pool's first turn is missing"), std::string::npos);
}

TEST(DecisionLog, DamagedLinesAreRefusedWithTheirNumber) {
  const std::string text = log_of(PolicyName::kAdaptive, 3);
  EXPECT_EQ(replayed(text + "{\n").error().what, "log:4: damaged, no JSON from byte 2 on");
  EXPECT_EQ(
      replayed(text + "{\"pool\":\"vip\"}\n").error().what,
      "log:4: the pool's first turn is missing, give the log from the start of the process"
  );
  std::string key = text;
  key.replace(key.find("\"now_ns\""), 8, "\"now_nz\"");
  EXPECT_EQ(replayed(key).error().what, "log:1: damaged, key 'now_ns' not found");
  std::string kind = text;
  kind.replace(kind.find("\"dt_ns\":") + 8, 0, "\"x\",\"y\":");
  EXPECT_EQ(
      replayed(kind).error().what, "log:1: damaged, a value is of another kind than a policy writes"
  );
  EXPECT_FALSE(replayed(""));
}

}  // namespace
}  // namespace fairlead::policy
