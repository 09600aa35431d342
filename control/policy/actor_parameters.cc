// SPDX-License-Identifier: BSD-3-Clause
// The trained actor. Written by scripts/train; do not edit.
#include "control/policy/policy.hh"

namespace fairlead::policy {

const ActorParameters& trained_actor() {
  static const ActorParameters kTrained = {{{
      {0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0},
  }}};
  return kTrained;
}

}  // namespace fairlead::policy
