// SPDX-License-Identifier: BSD-3-Clause
// What putting a configuration in force would do to tables and live flows, before it is done.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/node.hh"

namespace fairlead::control {

/// Keys that a running daemon keeps until it is started again, and whose values differ.
std::vector<std::string> keys_needing_restart(
    const config::Config& old, const config::Config& fresh
);
/// Gives `fresh` the old values of those of them that control itself uses.
void keep_process_values(const config::Config& old, config::Config& fresh);

struct BackendEffect {
  std::string vip;
  std::string backend;
  std::string change;  // "added", "removed", "new address", "weight 100 to 50", ""
  std::uint32_t slots_before = 0;
  std::uint32_t slots_after = 0;
  std::uint64_t flows = 0;           // open on it now
  std::uint64_t flows_affected = 0;  // those that would be decided anew
};

struct VipEffect {
  std::string vip;
  std::string change;  // "added", "removed", "other destination", ""
  std::uint32_t slots = 0;
  std::uint32_t slots_moved = 0;
  std::uint64_t flows_affected = 0;
};

struct Effect {
  std::vector<VipEffect> vips;
  std::vector<BackendEffect> backends;  // those to which anything happens
  std::uint64_t slots_moved = 0;
  std::uint64_t flows_affected = 0;
};

/// Plans and writes the generation that `next` would make, into scratch memory. Backends that are
/// new count as healthy; those of today keep health, drains and what the policy made of their
/// weight. Errors: the tables cannot be planned or do not fit a bank, with the reason.
base::Result<Effect> effect_of(Node& node, const config::Config& next, base::Nanoseconds now);

}  // namespace fairlead::control
