// SPDX-License-Identifier: BSD-3-Clause
// Trained by scripts/train: 36 episodes, seeds from 1000. Do not edit.
#include "control/policy/policy.hh"

namespace fairlead::policy {

const ActorParameters& trained_actor() {
  static const ActorParameters kTrained = {{{
      {0.559188, 0.290194, -0.023887, -0.175310, -0.680552},
      {0.033788, -0.061227, -0.093191, -0.025124, 0.161333},
      {0.828895, 0.324239, -0.058919, -0.300203, -0.820560},
      {0.254862, -0.057066, -0.055490, -0.058604, -0.087739},
      {0.000000, 0.000000, 0.000000, 0.000000, 0.000000},
      {-0.384593, -0.284349, -0.112079, 0.263657, 0.383704},
      {0.829709, 0.463166, 0.053129, -0.496155, -0.706665},
      {0.953756, 0.571463, 0.063853, -0.571125, -0.832073},
  }}};
  return kTrained;
}

}  // namespace fairlead::policy
