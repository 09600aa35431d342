// SPDX-License-Identifier: BSD-3-Clause
// The leader's care for the base layers that all nodes build their tables on (docs/fleet.md).
#pragma once

#include <map>
#include <string>

#include "control/config/config.hh"
#include "control/fleet/store.hh"
#include "control/fleet_bases.hh"
#include "control/holds.hh"

namespace fairlead::central {

/// Derives what is missing in the store from what is there, and has it stored. One thread.
class BaseKeeper {
 public:
  /// Configuration or holds changed.
  void look_again() { due_ = 0; }
  /// While this monitor leads; `leader`: Election::guard().
  void turn(
      const config::Config& config,
      const control::Holds& holds,
      fleet::Store& store,
      const etcd::Guard& leader,
      base::Nanoseconds now
  );

 private:
  void store_missing(
      const model::Vip& vip,
      const steering::HashKey& key,
      fleet::Store& store,
      const etcd::Guard& leader
  );

  control::FleetBases known_;
  base::Nanoseconds due_ = 0;  // a write that was dropped is made again
};

}  // namespace fairlead::central
