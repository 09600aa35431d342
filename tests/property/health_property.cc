// SPDX-License-Identifier: BSD-3-Clause
// Laws of health over random histories.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "control/health/judge.hh"
#include "control/health/outliers.hh"

namespace fairlead::health {
namespace {

struct Step {
  Evidence evidence;
  base::Nanoseconds after;
};

State random_state() {
  return *rc::gen::element(State::kUp, State::kDown);
}

Step random_step() {
  Step step;
  step.evidence.probes = random_state();
  step.evidence.answering = *rc::gen::arbitrary<bool>();
  step.evidence.ejected = *rc::gen::arbitrary<bool>();
  step.evidence.outlier = *rc::gen::weightedElement<bool>({{4, false}, {1, true}});
  step.evidence.order =
      *rc::gen::weightedElement<std::optional<bool>>({{6, std::nullopt}, {1, true}, {1, false}});
  step.after = *rc::gen::inRange<base::Nanoseconds>(1, 100 * base::kSecond);
  return step;
}

JudgeRules random_rules() {
  return {
      *rc::gen::element(model::Quorum::kProbe, model::Quorum::kBoth, model::Quorum::kEither),
      *rc::gen::inRange<std::uint32_t>(0, 5),
      *rc::gen::inRange<base::Nanoseconds>(base::kSecond, 1000 * base::kSecond)};
}

RC_GTEST_PROP(Dampener, ChangesOnlyAfterSoManyInARow, ()) {
  const auto rise = *rc::gen::inRange<std::uint32_t>(1, 6);
  const auto fall = *rc::gen::inRange<std::uint32_t>(1, 6);
  Dampener dampener(rise, fall, random_state());
  std::uint32_t row = 0;
  bool last = true;
  for (const bool good : *rc::gen::arbitrary<std::vector<bool>>()) {
    row = good == last ? row + 1 : 1;
    last = good;
    const State before = dampener.state();
    const bool changed = dampener.on_result(good);
    RC_ASSERT(changed == (dampener.state() != before));
    if (changed) RC_ASSERT(row >= (good ? rise : fall));
    // And after so many it has changed.
    if (row >= (good ? rise : fall))
      RC_ASSERT(dampener.state() == (good ? State::kUp : State::kDown));
  }
}

RC_GTEST_PROP(Judge, EveryChangeIsToldAndFollowsFromItsCause, ()) {
  const JudgeRules rules = random_rules();
  Judge judge(random_state());
  base::Nanoseconds now = 0;
  const auto steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    const Step step = random_step();
    now += step.after;
    const State before = judge.state();
    const std::uint64_t flaps = judge.flaps();
    const auto change = judge.weigh(step.evidence, rules, now);
    const Evidence& e = step.evidence;
    RC_ASSERT(change.has_value() == (judge.state() != before));
    RC_ASSERT(judge.flaps() == flaps + (change ? 1 : 0));
    if (change)
      RC_ASSERT(
          change->from == before && change->to == judge.state() &&
          change->because == judge.because()
      );
    if (e.order) {
      RC_ASSERT(judge.because() == Because::kOperator);
      RC_ASSERT(judge.state() == (*e.order ? State::kUp : State::kDown));
    } else if (e.outlier) {
      RC_ASSERT(judge.state() == State::kDown);
    } else if (judge.because() == Because::kFlapping) {
      RC_ASSERT(rules.flap_limit > 0 && judge.state() == State::kDown);
    } else if (judge.because() == Because::kTraffic) {
      RC_ASSERT(
          rules.quorum ==
          (judge.state() == State::kUp ? model::Quorum::kBoth : model::Quorum::kEither)
      );
    } else {
      RC_ASSERT(judge.state() == e.probes);
    }
    if (judge.because() == Because::kOperator) RC_ASSERT(e.order.has_value());
  }
}

RC_GTEST_PROP(Judge, WhateverHappenedQuietBringsItBack, ()) {
  const JudgeRules rules = random_rules();
  Judge judge(State::kUp);
  base::Nanoseconds now = 0;
  const auto steps = *rc::gen::inRange(1, 50);
  for (int i = 0; i < steps; ++i) {
    const Step step = random_step();
    judge.weigh(step.evidence, rules, now += step.after);
  }
  Evidence quiet;
  quiet.probes = State::kUp;
  judge.weigh(quiet, rules, now);
  // At most one fall a step: their sum fades below half a limit of 1 within so many half-lives.
  judge.weigh(quiet, rules, now + 8 * rules.flap_half_life);
  RC_ASSERT(judge.state() == State::kUp);
  RC_ASSERT(judge.because() == Because::kProbe);
}

RC_GTEST_PROP(Outliers, NeverMoreThanTheCapAndOnlyThoseThatFail, ()) {
  const OutlierRules rules{
      *rc::gen::element(0.0, 0.1, 0.5, 1.0),
      *rc::gen::inRange<std::uint32_t>(0, 101),
      10 * base::kSecond};
  const auto size = *rc::gen::inRange<std::size_t>(1, 30);
  Outliers outliers;
  base::Nanoseconds now = 0;
  for (int window = 0; window < 30; ++window) {
    std::vector<OutlierSample> pool;
    for (std::size_t i = 0; i < size; ++i) {
      const auto attempts = *rc::gen::inRange(0, 200);
      pool.push_back(
          {"b" + std::to_string(i),
           static_cast<double>(attempts),
           static_cast<double>(*rc::gen::inRange(0, attempts + 1))}
      );
    }
    const auto before = outliers.out(now);
    outliers.weigh(pool, rules, now);
    const auto after = outliers.out(now);
    RC_ASSERT(after.size() <= size * rules.cap_pct / 100);
    for (const std::string& id : after) {
      if (std::find(before.begin(), before.end(), id) != before.end()) continue;
      const auto& sample = pool[static_cast<std::size_t>(std::stoi(id.substr(1)))];
      RC_ASSERT(rules.failures > 0 && sample.attempts >= Outliers::kLeastAttempts);
      RC_ASSERT(sample.failures >= rules.failures * sample.attempts);
    }
    RC_ASSERT(outliers.out(now + Outliers::kMostTimes * rules.hold).empty());
    now += 5 * base::kSecond;
  }
}

}  // namespace
}  // namespace fairlead::health
