// SPDX-License-Identifier: BSD-3-Clause
// Trained by scripts/train: 36 episodes, seeds from 1000. Do not edit.
#include "control/policy/policy.hh"

namespace fairlead::policy {

const ActorParameters& trained_actor() {
  static const ActorParameters kTrained = {{{
      {0.079889, -0.015323, -0.025552, -0.023351, -0.028886},
      {0.040933, 0.033424, 0.005999, -0.026895, -0.041815},
      {0.172582, 0.094832, -0.032161, -0.123386, -0.119749},
      {0.103052, -0.061059, 0.028165, -0.072336, 0.000432},
      {0.000000, 0.000000, 0.000000, 0.000000, 0.000000},
      {-0.523238, -0.301228, -0.156454, 0.316159, 0.531956},
      {0.924827, 0.403244, 0.045231, -0.496371, -0.750422},
      {1.183654, 0.528170, 0.067684, -0.638356, -0.970249},
  }}};
  return kTrained;
}

}  // namespace fairlead::policy
