// SPDX-License-Identifier: BSD-3-Clause
// Training the actor of actor-critic in the simulator.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "control/policy/actor_critic.hh"
#include "control/sim/setup.hh"

namespace fairlead::sim {

struct Training {
  std::uint32_t episodes = 48;
  std::uint64_t seed = 1000;  // episodes use seed, seed + 1, ...; evaluate on others
  Time duration = 60 * kSecond;
};

/// Episodes over randomised fleets (10 to 60 backends, 3 to 20 nodes, load 0.6 to 0.9, all fault
/// scenarios). A function of `training`. `progress(episode, mean reward)`.
policy::ActorParameters train(
    const Training& training, const std::function<void(std::uint32_t, double)>& progress
);

/// The source file control/policy/actor_parameters.cc.
std::string actor_source(const policy::ActorParameters& actor, const Training& training);

}  // namespace fairlead::sim
