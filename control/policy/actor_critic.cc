// SPDX-License-Identifier: BSD-3-Clause
// Features, softmax, one-step advantage update (actor-critic with a linear critic: Sutton and
// Barto, Reinforcement Learning, 2nd edition, 13.5). Limits: trained on the scenarios of
// scripts/train only; adds nothing measurable to adaptive (docs/policies.md), and never leaves the
// rails of guard.hh.
//
// Reward of a backend: minus the distance of its occupancy from the pool's (both in units of what a
// backend serves at once), minus a price on moving. A difference reward: only what the backend's
// own residual can change. Discount 0.9 at one update a second.
#include "control/policy/actor_critic.hh"

#include <algorithm>
#include <cmath>

#include "control/policy/estimate.hh"

namespace fairlead::policy {

namespace {

constexpr std::array<double, kActorActions> kMoves = {-0.2, -0.1, 0, 0.1, 0.2};
constexpr double kDiscount = 0.9;
constexpr double kActorStep = 2e-3;
constexpr double kCriticStep = 5e-3;
constexpr double kEntropy = 1e-3;
constexpr double kMovePrice = 0.05;
constexpr double kMostAdvantage = 2;

double bounded_log(double ratio) {
  return ratio > 0 ? std::clamp(std::log(ratio), -3.0, 3.0) : 0;
}

double occupancy(const BackendView& v) {
  return v.active / std::max(v.parallel, 1.0);
}

struct PoolMeans {
  double utilization = 0;
  double latency = 0;
  double occupancy = 0;
};

PoolMeans means_of(const std::vector<BackendView>& views) {
  std::vector<double> utilization;
  std::vector<double> latency;
  std::vector<double> occupied;
  for (const BackendView& v : views) {
    utilization.push_back(v.utilization);
    latency.push_back(v.latency_us);
    occupied.push_back(occupancy(v));
  }
  return {
      median_positive(std::move(utilization)),
      median_positive(std::move(latency)),
      median_positive(std::move(occupied))};
}

double dot(const Features& x, const std::array<double, kActorFeatures>& y) {
  double sum = 0;
  for (std::size_t f = 0; f < kActorFeatures; ++f) sum += x[f] * y[f];
  return sum;
}

}  // namespace

double action_move(std::size_t action) {
  return kMoves[action];
}

std::vector<Features> features(const std::vector<BackendView>& views) {
  const PoolMeans pool = means_of(views);
  std::vector<Features> result;
  for (const BackendView& v : views) {
    Features x{};
    if (v.fresh) {
      x[0] = pool.utilization > 0 ? bounded_log(v.utilization / pool.utilization) : 0;
      x[1] = pool.latency > 0 ? bounded_log(v.latency_us / pool.latency) : 0;
      x[2] = pool.occupancy > 0 ? bounded_log(occupancy(v) / pool.occupancy) : 0;
      x[3] = std::clamp(v.slope / std::max(v.parallel, 1.0), -3.0, 3.0);
      x[4] = std::clamp(v.error_share * 10, 0.0, 3.0);
    }
    x[5] = v.residual;
    x[6] = pool.utilization;
    x[7] = 1;
    result.push_back(x);
  }
  return result;
}

std::array<double, kActorActions> action_probabilities(
    const ActorParameters& actor, const Features& x
) {
  std::array<double, kActorActions> p{};
  double most = -1e300;
  for (std::size_t a = 0; a < kActorActions; ++a) {
    for (std::size_t f = 0; f < kActorFeatures; ++f) p[a] += actor.theta[f][a] * x[f];
    most = std::max(most, p[a]);
  }
  double sum = 0;
  for (double& v : p) {
    v = std::exp(v - most);
    sum += v;
  }
  for (double& v : p) v /= sum;
  return p;
}

std::vector<double> actor_moves(
    const std::vector<BackendView>& views, const ActorParameters& actor
) {
  std::vector<double> moves;
  for (const Features& x : features(views)) {
    const auto p = action_probabilities(actor, x);
    double mean = 0;  // the mean move, not a drawn one: the same inputs give the same weights
    for (std::size_t a = 0; a < kActorActions; ++a) mean += p[a] * kMoves[a];
    moves.push_back(mean);
  }
  return moves;
}

std::vector<double> Trainer::step(const std::vector<BackendView>& views) {
  const std::vector<Features> now = features(views);
  const PoolMeans pool = means_of(views);
  if (last_features_.size() == now.size()) {
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (!views[i].fresh) continue;
      const Features& x = last_features_[i];
      const std::size_t action = last_actions_[i];
      const double reward = -std::abs(occupancy(views[i]) - pool.occupancy) -
                            kMovePrice * std::abs(kMoves[action]) - views[i].error_share;
      reward_sum_ += reward;
      ++rewards_;
      const double advantage = std::clamp(
          reward + kDiscount * dot(now[i], critic_) - dot(x, critic_),
          -kMostAdvantage,
          kMostAdvantage
      );
      const auto p = action_probabilities(actor_, x);
      for (std::size_t f = 0; f < kActorFeatures; ++f) {
        critic_[f] += kCriticStep * advantage * x[f];
        for (std::size_t a = 0; a < kActorActions; ++a) {
          const double gradient = (a == action ? 1 : 0) - p[a];
          const double entropy = -p[a] * std::log(std::max(p[a], 1e-12));
          actor_.theta[f][a] += kActorStep * (advantage * gradient + kEntropy * entropy) * x[f];
        }
      }
    }
  }
  std::vector<double> moves;
  last_features_ = now;
  last_actions_.clear();
  for (const Features& x : now) {
    const auto p = action_probabilities(actor_, x);
    double point = random_.uniform();
    std::size_t action = 0;
    while (action + 1 < kActorActions && point >= p[action]) point -= p[action++];
    last_actions_.push_back(action);
    moves.push_back(kMoves[action]);
  }
  return moves;
}

double Trainer::take_mean_reward() {
  const double mean = rewards_ == 0 ? 0 : reward_sum_ / static_cast<double>(rewards_);
  reward_sum_ = 0;
  rewards_ = 0;
  return mean;
}

}  // namespace fairlead::policy
