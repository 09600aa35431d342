// SPDX-License-Identifier: BSD-3-Clause
// The linear actor-critic: features, policy, training step. Sutton, Barto, "Reinforcement
// Learning", 2nd edition, chapter 13; one actor shared by all backends, so that what it learned on
// fifty holds for a thousand.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "control/policy/random.hh"
#include "control/policy/residual.hh"

namespace fairlead::policy {

using Features = std::array<double, kActorFeatures>;

/// Each about -3..3: utilisation, latency and occupancy relative to the pool (logarithms), slope,
/// error share, own residual, load of the pool, 1.
std::vector<Features> features(const std::vector<BackendView>& views);
/// Probabilities of the actions of one backend.
std::array<double, kActorActions> action_probabilities(
    const ActorParameters& actor, const Features& features
);
/// Change of the residual that an action stands for.
double action_move(std::size_t action);

/// Training: explores, rewards, updates. Lives in the simulator's trainer, never in a daemon.
class Trainer {
 public:
  Trainer(ActorParameters actor, std::uint64_t seed) : actor_(actor), random_(seed) {}
  /// Moves for this update, drawn from the policy; learns from what the last ones led to.
  std::vector<double> step(const std::vector<BackendView>& views);
  /// A new episode: what was seen last belongs to another fleet.
  void forget() { last_features_.clear(); }
  [[nodiscard]] const ActorParameters& actor() const { return actor_; }
  /// Mean reward of the steps since the last call.
  double take_mean_reward();

 private:
  ActorParameters actor_;
  std::array<double, kActorFeatures> critic_{};
  Random random_;
  std::vector<Features> last_features_;
  std::vector<std::size_t> last_actions_;
  double reward_sum_ = 0;
  std::uint64_t rewards_ = 0;
};

}  // namespace fairlead::policy
