// SPDX-License-Identifier: BSD-3-Clause
// The fleet's configuration as a value of the store. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/fleet/store.hh"

namespace fairlead::fleet {

struct SharedConfig {
  std::string text;  // sections that the fleet shares
  std::string from;  // node whose operator committed it
  std::string note;
  std::int64_t at_s = 0;  // wall clock
};

inline constexpr const char* kConfigName = "config";

/// Nullopt: nothing is shared, or nothing that can be read.
std::optional<SharedConfig> shared_config(const Values& values);
Change change_of(const SharedConfig& config);

}  // namespace fairlead::fleet
