// SPDX-License-Identifier: BSD-3-Clause
// One turn of a policy: absorb reports, ask the policy, put rails around its answer.
#include "control/policy/policy.hh"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <set>
#include <string_view>

#include "control/policy/estimate.hh"
#include "control/policy/residual.hh"
#include "control/policy/score_policies.hh"

namespace fairlead::policy {

namespace {

using model::PolicyName;

constexpr double kMean = 1000;  // of the measured weights of a pool
constexpr double kMost = 10000;

/// Whether table weights follow measurements.
bool measures(PolicyName policy) {
  return policy != PolicyName::kStatic && policy != PolicyName::kWlc &&
         policy != PolicyName::kLatency && policy != PolicyName::kPrequal;
}

const char* name_of(PolicyName policy) {
  static constexpr const char* kNames[] = {
      "static", "wrr", "wlc", "latency", "prequal", "adaptive", "eg", "actor-critic"};
  return kNames[static_cast<std::size_t>(policy)];
}

bool learns(PolicyName policy) {
  return policy == PolicyName::kEg || policy == PolicyName::kActorCritic;
}

template <typename... Args>
std::string line(const char* format, Args... args) {
  char text[240];
  std::snprintf(text, sizeof text, format, args...);
  return text;
}

/// Drops states of backends that left, feeds those that stay. Returns: theirs, by position.
States observe(const Snapshot& snapshot, const Observations& observed, State& state) {
  States states;
  states.reserve(snapshot.backends.size());
  for (const Backend& b : snapshot.backends) states.push_back(&state.backends[b.id]);
  if (state.backends.size() > states.size()) {
    std::set<std::string_view> here;
    for (const Backend& b : snapshot.backends) here.insert(b.id);
    std::erase_if(state.backends, [&](const auto& row) { return here.count(row.first) == 0; });
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    BackendState& s = *states[i];
    if (s.first_seen == 0) s.first_seen = std::max<base::Nanoseconds>(observed.now, 1);
    if (i < observed.backends.size())
      for (const Report& r : observed.backends[i].reports) absorb(r, snapshot.parameters, s);
    close_window(snapshot.parameters, s);
  }
  return states;
}

/// Monitoring was there and no backend's report is fresh any more.
bool monitoring_lost(const Snapshot& snapshot, const States& states, base::Nanoseconds now) {
  bool any = false;
  for (const BackendState* s : states) {
    if (s->last_report == 0) continue;
    any = true;
    if (now < s->last_report + snapshot.parameters.stale_after) return false;
  }
  return any;
}

/// Configured weights scaled so that the mean of those above 0 is kMean.
std::vector<double> priors(const Snapshot& snapshot) {
  double sum = 0;
  double count = 0;
  for (const Backend& b : snapshot.backends)
    if (b.weight > 0) {
      sum += b.weight;
      count += 1;
    }
  std::vector<double> result;
  for (const Backend& b : snapshot.backends)
    result.push_back(sum > 0 ? kMean * count * b.weight / sum : 0);
  return result;
}

/// Unknown weights become prior x the pool's usual weight per prior; then the mean is kMean.
std::vector<double> complete(std::vector<double> desired, const std::vector<double>& prior) {
  std::vector<double> per_prior;
  for (std::size_t i = 0; i < desired.size(); ++i)
    per_prior.push_back(prior[i] > 0 ? desired[i] / prior[i] : 0);
  const double usual = median_positive(per_prior);
  if (usual <= 0) return prior;
  double sum = 0;
  double count = 0;
  for (std::size_t i = 0; i < desired.size(); ++i) {
    if (prior[i] <= 0) desired[i] = 0;
    if (prior[i] > 0 && !(desired[i] > 0)) desired[i] = prior[i] * usual;
    sum += desired[i];
    count += prior[i] > 0 ? 1 : 0;
  }
  for (double& d : desired) d *= sum > 0 ? kMean * count / sum : 0;
  return desired;
}

/// Moves a weight in force towards what is desired: not inside the dead band, not below the floor,
/// in steps of at most `step` (relative).
double railed(double in_force, double desired, double step, const Parameters& p) {
  desired = std::clamp(desired, p.floor * kMean, kMost);
  if (in_force <= 0) return desired;
  if (std::abs(desired / in_force - 1) <= p.dead_band) return in_force;
  return std::clamp(desired, in_force / (1 + step), in_force * (1 + step));
}

/// Relative step of a table weight. Where flows have several candidates scores keep them away from
/// a backend on probation, so that the table need not move, and back, for a fault that passes.
double table_step(const Parameters& p, const BackendState& s, double seconds) {
  const double step = s.proven > 0 && p.choices > 1 ? p.doubted_step : p.max_step;
  return step * std::clamp(seconds, 0.0, 1.0);
}

/// As printf has it with so many digits behind the point, at a fifth of its cost: each turn says of
/// each backend why it has its weight, whether anybody asks or not.
void put(std::string& text, double value, int digits) {
  char out[400];  // the largest double has 309 digits before the point
  text.append(
      out, std::to_chars(out, out + sizeof out, value, std::chars_format::fixed, digits).ptr
  );
}

/// What the guard takes off the capacity, if anything.
void put_doubt(std::string& text, const BackendState& s) {
  if (s.believed <= 0 || s.believed > 0.99 * s.capacity) return;
  text += " of which ";
  put(text, s.believed, 1);
  text += s.proven > 0
              ? "/s are believed (on probation: requests waited there while its CPU rested)"
              : "/s are believed (requests wait there longer than its CPU explains)";
}

std::string why_of(
    const Snapshot& snapshot, const BackendState& s, double desired, double in_force
) {
  std::string text;
  text.reserve(160);
  text += name_of(snapshot.policy);
  if (s.last_report == 0) return text += ": no report yet, configured weight";
  text += ": ";
  put(text, s.rate, 1);
  text += "/s at utilisation ";
  put(text, s.utilization, 2);
  text += ", capacity ";
  put(text, s.capacity, 1);
  text += "/s";
  put_doubt(text, s);
  text += ", active ";
  put(text, s.active, 1);
  text += ", latency ";
  put(text, s.latency_us, 0);
  text += " us; ";
  const bool within = std::abs(desired / in_force - 1) <= snapshot.parameters.dead_band;
  text += std::abs(desired - in_force) < 0.5 ? "settled"
          : within                           ? "within the dead band"
                                             : "moving in steps";
  if (s.refused > 0) text += " (" + std::to_string(s.refused) + " reports refused)";
  return text;
}

/// Policies that keep configured weights in the table and may scale the score.
void keep(const Snapshot& snapshot, const State& state, base::Nanoseconds now, Weights& result) {
  const std::vector<ScoreFactor> factors = score_factors(snapshot, state, now);
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i) {
    const Backend& b = snapshot.backends[i];
    std::string why = line("%s: configured weight", name_of(snapshot.policy));
    if (!factors[i].why.empty()) why += ", " + factors[i].why;
    result.backends.push_back(
        {b.weight, score_inverse_weight(b.weight * factors[i].factor), 0, std::move(why)}
    );
  }
}

const char* learning_state(const Snapshot& snapshot, const State& state) {
  if (snapshot.parameters.learning == Learning::kOff) return "switched off";
  if (snapshot.parameters.learning == Learning::kShadow) return "shadow";
  if (state.guard.blocked()) return "fell back: did worse than without";
  return state.guard.learner_runs() ? "in force" : "baseline window";
}

/// Learned factors on the score weights; the table knows nothing of them.
void learn(
    const Snapshot& snapshot,
    const States& states,
    base::Nanoseconds now,
    double seconds,
    State& state,
    Weights& result
) {
  std::vector<double> weights;
  for (const BackendState* s : states) weights.push_back(s->score_weight);
  const std::vector<double> factors = residual_factors(snapshot, weights, now, seconds, state);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    EffectiveWeight& out = result.backends[i];
    out.inverse_weight = score_inverse_weight(weights[i] * factors[i]);
    const double residual = states[i]->residual;
    out.why += line("; residual %+.2f, %s", residual, learning_state(snapshot, state));
  }
}

/// Policies that measure: desired weights, then rails.
void follow(
    const Snapshot& snapshot,
    const States& states,
    base::Nanoseconds now,
    double seconds,
    State& state,
    Weights& result
) {
  const Parameters& p = snapshot.parameters;
  const std::vector<double> prior = priors(snapshot);
  const std::vector<double> desired = complete(
      snapshot.policy == PolicyName::kWrr ? wrr_weights(snapshot, states, now)
                                          : adaptive_weights(snapshot, states, now, seconds),
      prior
  );
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i) {
    const Backend& b = snapshot.backends[i];
    BackendState& s = *states[i];
    if (s.table_weight <= 0) s.table_weight = s.score_weight = prior[i];
    if (b.weight == 0) s.table_weight = s.score_weight = 0;
    EffectiveWeight out;
    out.why = why_of(snapshot, s, desired[i], std::max(s.table_weight, 1.0));
    if (result.frozen) out.why = "monitoring is lost, last weight kept; " + out.why;
    if (b.weight > 0 && !result.frozen) {
      s.table_weight = railed(s.table_weight, desired[i], table_step(p, s, seconds), p);
      s.score_weight = railed(s.score_weight, desired[i], 1e9, p);
    }
    if (b.weight > 0)
      out.weight = static_cast<std::uint32_t>(std::clamp(s.table_weight, 1.0, kMost));
    if (b.weight == 0) out.why = "configured weight 0: no new flows by weight";
    out.inverse_weight = score_inverse_weight(s.score_weight);
    out.parallel = parallel_of(s);
    result.backends.push_back(std::move(out));
  }
  if (learns(snapshot.policy) && !result.frozen)
    learn(snapshot, states, now, seconds, state, result);
}

}  // namespace

std::uint32_t score_inverse_weight(double weight) {
  if (!(weight > 0)) return UINT32_MAX;
  const double inverse = static_cast<double>(1u << 20) / weight;
  return static_cast<std::uint32_t>(std::clamp(inverse, 1.0, 2147483648.0));
}

std::uint32_t inverse_beyond_table(const EffectiveWeight& weight) {
  if (weight.inverse_weight == UINT32_MAX) return UINT32_MAX;
  constexpr std::uint64_t kEighth = 1U << 17;
  const std::uint64_t beyond = std::uint64_t{weight.inverse_weight} * weight.weight;
  const std::uint64_t eighths = (beyond + kEighth / 2) / kEighth;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(eighths, 1, 1U << 30));
}

Weights update(
    const Snapshot& snapshot, const Observations& observed, State& state, base::Nanoseconds dt
) {
  const States states = observe(snapshot, observed, state);
  Weights result;
  if (!measures(snapshot.policy)) {
    keep(snapshot, state, observed.now, result);
  } else {
    result.frozen = monitoring_lost(snapshot, states, observed.now);
    const double seconds = static_cast<double>(dt) / static_cast<double>(base::kSecond);
    follow(snapshot, states, observed.now, seconds, state, result);
  }
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i) {
    BackendState& s = *states[i];
    result.changed = result.changed || s.given != result.backends[i].weight;
    s.given = result.backends[i].weight;
  }
  if (result.frozen) ++state.freezes;
  return result;
}

}  // namespace fairlead::policy
