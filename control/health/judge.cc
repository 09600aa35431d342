// SPDX-License-Identifier: BSD-3-Clause
// Weighing evidence.
#include "control/health/judge.hh"

#include <cmath>

namespace fairlead::health {
namespace {

struct Opinion {
  State state;
  Because because;
};

Opinion by_quorum(const Evidence& e, model::Quorum quorum) {
  // Clients reach it, so it is the way of the probes that is broken.
  if (quorum == model::Quorum::kBoth && e.probes == State::kDown && e.answering)
    return {State::kUp, Because::kTraffic};
  if (quorum == model::Quorum::kEither && e.ejected) return {State::kDown, Because::kTraffic};
  const bool says_nothing = !e.probed || e.probes == State::kUnknown;
  return {e.probes, says_nothing ? Because::kNothing : Because::kProbe};
}

}  // namespace

std::string_view to_string(Because because) {
  static constexpr std::string_view kNames[] = {
#define FL_CAUSE_NAME(e, n) n,
      FL_HEALTH_CAUSES(FL_CAUSE_NAME)
#undef FL_CAUSE_NAME
  };
  return kNames[static_cast<std::size_t>(because)];
}

double FlapMemory::falls(const JudgeRules& rules, base::Nanoseconds now) const {
  if (falls_ == 0 || rules.flap_half_life == 0 || now <= at_) return falls_;
  const double halves = static_cast<double>(now - at_) / static_cast<double>(rules.flap_half_life);
  return falls_ * std::exp2(-halves);
}

void FlapMemory::on_fall(const JudgeRules& rules, base::Nanoseconds now) {
  falls_ = falls(rules, now) + 1;
  at_ = now;
  // As much below as a fall fades while the next ones come.
  if (rules.flap_limit > 0 && falls_ > rules.flap_limit) held_ = true;
}

bool FlapMemory::holds(const JudgeRules& rules, base::Nanoseconds now) {
  // Half of 0 is never reached by fading: switched off, it holds nobody.
  if (rules.flap_limit == 0 || falls(rules, now) <= rules.flap_limit / 2.0) held_ = false;
  return held_;
}

std::optional<Change> Judge::weigh(
    const Evidence& evidence, const JudgeRules& rules, base::Nanoseconds now
) {
  Opinion opinion = by_quorum(evidence, rules.quorum);
  if (trusted_ == State::kUp && opinion.state == State::kDown) memory_.on_fall(rules, now);
  trusted_ = opinion.state;
  if (memory_.holds(rules, now)) opinion = {State::kDown, Because::kFlapping};
  if (evidence.outlier) opinion = {State::kDown, Because::kOutlier};
  if (evidence.order) opinion = {*evidence.order ? State::kUp : State::kDown, Because::kOperator};
  because_ = opinion.because;
  if (opinion.state == state_) return std::nullopt;
  const Change change{state_, opinion.state, opinion.because};
  if (state_ != State::kUnknown) ++flaps_;
  state_ = opinion.state;
  return change;
}

}  // namespace fairlead::health
