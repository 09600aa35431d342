// SPDX-License-Identifier: BSD-3-Clause
// Trained by scripts/train: 36 episodes, seeds from 1000. Do not edit.
#include "control/policy/policy.hh"

namespace fairlead::policy {

const ActorParameters& trained_actor() {
  static const ActorParameters kTrained = {{{
      {0.494273, 0.068034, 0.046545, -0.250530, -0.389787},
      {-0.057285, 0.028714, -0.055186, 0.024178, 0.072682},
      {0.725637, 0.172967, 0.045562, -0.375459, -0.594120},
      {0.244578, -0.106925, -0.029249, -0.108219, -0.005254},
      {0.000000, 0.000000, 0.000000, 0.000000, 0.000000},
      {-0.409862, -0.245592, -0.034327, 0.164609, 0.396338},
      {0.873110, 0.457316, -0.027289, -0.415838, -0.749084},
      {1.037289, 0.566088, -0.021554, -0.494726, -0.904324},
  }}};
  return kTrained;
}

}  // namespace fairlead::policy
