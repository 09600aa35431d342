// SPDX-License-Identifier: BSD-3-Clause
#include "control/fleet/store.hh"

namespace fairlead::fleet {

std::vector<Change> changes_between(const Values& before, const Values& after) {
  std::vector<Change> out;
  for (const auto& [name, value] : before)
    if (after.count(name) == 0) out.push_back({name, std::nullopt});
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    if (old == before.end() || old->second != value) out.push_back({name, value});
  }
  return out;
}

}  // namespace fairlead::fleet
