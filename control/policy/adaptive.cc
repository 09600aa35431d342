// SPDX-License-Identifier: BSD-3-Clause
// The two measuring policies: ORCA's weighted round robin and the utilisation law with its guard.
//
// wrr (gRPC proposal A58, client-side weighted round robin by ORCA): w = X / (u + e/X * penalty),
// with X all and e failed completions a second, u utilisation 0..1. Limit: X / u is noise where u
// is small.
//
// adaptive (utilisation law, Denning and Buzen 1978: u = X * D, so that capacity C = X / u,
// completions a second; estimate.cc filters it): w = C^exponent. Guard: u sees only the CPU, so a
// backend whose active requests L per busy core stand above `guard` times the pool's usual stretch
// counts as what it completes.
//
// Probation, of one that queues with u below a half and completes less than half of C: C = X / u
// claims too much, by a factor of u that nobody knows. Free of it is latency by least latency, that
// is L / u by its least value, L active. Scores make L as large a part of the belief P as
// everywhere, so once the backend is full and P = q C that ratio is about q times the pool's usual
// one, and P x usual / ratio leads to q = 1 whatever u says: up when the fault is over, not up for
// a lie that stays. Down by a fifth a second at most, the ratio of one second is noise by 30 %, and
// never below what it completed when it was found: less would be a guess, and who gets nothing
// shows nothing. Up by 4 at most, or who recovers is missing while others have faults. Scores
// follow at once; the table, whose slots moved for nothing when the fault is over, by 2 % a second.
//
// Parameters (policy.hh): error_penalty 1 (wrr: utilisation per share of errors); window 100
// completions or 2 s; memory 6000 completions; exponent 1 (of the weight); guard 2 (ratio of
// stretches); blackout 2 s (a new backend keeps its prior); report_period 0.1 s; stale_after 3 s;
// dead_band 0.1 and floor 0.02 (of the mean weight), max_step 0.25 a second, doubted_step
// 0.02 on probation where a flow has more than one candidate. Constants below and in
// estimate.cc have their units beside them.
//
// Limits: needs reports of u and X; C of an idle backend is its prior; reports that lie together
// are believed.
#include <algorithm>
#include <cmath>

#include "control/policy/estimate.hh"

namespace fairlead::policy {

namespace {

constexpr double kContradicts = 0.5;  // of the claim
constexpr double kRests = 0.5;        // utilisation
constexpr double kSure = 4;           // standard deviations
constexpr double kShown = 0.9;        // of what it completes
constexpr double kFalls = 1 / 1.25;   // a second, on probation, at most
constexpr double kRises = 4;          // and up
constexpr double kRegained = 1.07;    // a second, at least, if nobody waits

bool known(const BackendState& s, base::Nanoseconds now, const Parameters& parameters) {
  return s.last_report != 0 && now < s.last_report + kForgotten &&
         now >= s.first_seen + parameters.blackout;
}

/// Active per busy core against `base`, a usual value of it; 0: not known.
double stretch_of(const BackendState& s, double base) {
  if (base <= 0 || s.utilization <= 0 || s.active <= 0) return 0;
  return s.active / s.utilization / base;
}

struct Stretch {
  double now = 0;    // against the backend's usual one
  double least = 0;  // against its least one
};

/// On probation: less is believed while more wait there than elsewhere, else more. `least` is
/// latency by the least latency, whatever factor u is wrong by. Who waits although no more are
/// there than are served at once is slow by itself: less load would not help. Completing is proof.
void regain(double seconds, const Stretch& stretch, const Stretch& usual, BackendState& s) {
  const double served_at_once = s.parallel * s.proven / s.capacity;
  const bool waits = stretch.least > usual.least && s.active > served_at_once;
  const double slowest = waits ? kFalls : kRegained;
  const double factor = stretch.least > 0 ? usual.least / stretch.least : kRises;
  s.proven *= std::pow(std::clamp(factor, slowest, kRises), seconds);
  s.proven = std::max({s.proven, s.found, kShown * s.rate});
}

/// More are active than `most`, and not by chance: an agent counts them in the moment of a report,
/// and such counts have about their mean for a variance.
bool surely_above(double most, const BackendState& s) {
  return s.active > most + kSure * std::sqrt(most / std::max(s.active_samples, 1.0));
}

/// A backend whose slots are occupied while its CPU rests is slow, not free: it counts as what it
/// completes. Where that is less than half of what it claims it is on probation.
double held(
    const Parameters& p,
    double seconds,
    const Stretch& stretch,
    const Stretch& usual,
    BackendState& s
) {
  const bool occupied = stretch.now > 0 && usual.now > 0 && s.active > 0.3 * s.stretch_base &&
                        surely_above(p.guard * usual.now * s.stretch_base * s.utilization, s);
  double capacity = s.capacity;
  if (occupied) {
    const double shown = kShown * s.rate;
    capacity = std::min(capacity, shown);
    if (s.utilization < kRests && shown < kContradicts * s.capacity) s.proven = s.found = shown;
  } else if (s.proven > 0) {
    regain(seconds, stretch, usual, s);
    if (s.proven >= s.capacity) s.proven = 0;
  }
  return s.proven > 0 ? std::min(capacity, s.proven) : capacity;
}

}  // namespace

std::vector<double> wrr_weights(
    const Snapshot& snapshot, const States& states, base::Nanoseconds now
) {
  std::vector<double> weights;
  for (const BackendState* const of : states) {
    const BackendState& s = *of;
    const double all = s.rate + s.error_rate;
    const double load =
        all > 0 ? s.utilization + s.error_rate / all * snapshot.parameters.error_penalty : 0;
    const bool usable = known(s, now, snapshot.parameters) && load > 0;
    weights.push_back(usable ? all / load : 0);
  }
  return weights;
}

std::vector<double> adaptive_weights(
    const Snapshot& snapshot, const States& states, base::Nanoseconds now, double seconds
) {
  const Parameters& p = snapshot.parameters;
  std::vector<Stretch> stretch;
  std::vector<double> now_all;
  std::vector<double> least_all;
  for (const BackendState* const of : states) {
    const BackendState& s = *of;
    stretch.push_back({stretch_of(s, s.stretch_base), stretch_of(s, s.parallel)});
    now_all.push_back(stretch.back().now);
    least_all.push_back(stretch.back().least);
  }
  const Stretch usual{median_positive(now_all), median_positive(least_all)};
  std::vector<double> weights;
  for (std::size_t i = 0; i < states.size(); ++i) {
    BackendState& s = *states[i];
    if (!known(s, now, p) || s.capacity <= 0) {
      s.believed = 0;
      weights.push_back(0);
      continue;
    }
    double capacity = held(p, seconds, stretch[i], usual, s);
    s.believed = capacity;
    // Serving, yet nothing completes: looks full (0 would mean "not known").
    if (s.active >= 1 && s.rate <= 0) capacity = 0;
    weights.push_back(std::pow(std::max(capacity, 1e-6 * s.capacity), p.exponent));
  }
  return weights;
}

}  // namespace fairlead::policy
