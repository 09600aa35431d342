// SPDX-License-Identifier: BSD-3-Clause
// The fleet's base layers as the store has them, read. Pure; nodes and monitors.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "control/fleet/bases.hh"
#include "control/steering/base_table.hh"

namespace fairlead::control {

struct FleetBase {
  std::shared_ptr<const std::string> bytes;
  std::int64_t revision = 0;
  steering::SharedBase base;  // null: of another version
};
using FleetBases = std::map<std::string, FleetBase>;  // by vip

/// Makes `known` say what `stored` says. True: something changed.
bool take_bases(FleetBases& known, const fleet::Bases& stored);

}  // namespace fairlead::control
