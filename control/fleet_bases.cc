// SPDX-License-Identifier: BSD-3-Clause
// Bytes that did not change are not read again.
#include "control/fleet_bases.hh"

#include <utility>

#include "dataplane/sys/log.hh"

namespace fairlead::control {

bool take_bases(FleetBases& known, const fleet::Bases& stored) {
  bool changed = known.size() != stored.size();
  FleetBases next;
  for (const auto& [vip, now] : stored) {
    const auto old = known.find(vip);
    if (old != known.end() && old->second.bytes == now.bytes) {
      next[vip] = old->second;
      continue;
    }
    changed = true;
    auto base = steering::base_from_bytes(*now.bytes);
    if (!base) sys::log_error("fleet: vip " + vip + ": " + base.error().what + ", it is not used");
    next[vip] = {
        now.bytes,
        now.revision,
        base ? std::make_shared<const steering::BaseTable>(std::move(*base)) : nullptr};
  }
  known = std::move(next);
  return changed;
}

}  // namespace fairlead::control
