// SPDX-License-Identifier: BSD-3-Clause
// When the next probe of a target begins. Pure.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.hh"

namespace fairlead::health {

/// First probes of new targets all begin at once: a joining backend is wanted soon. The second one
/// comes at any time within an interval, so that a thousand targets spread over it; the later ones
/// 93 to 98 % of an interval after the one before, so that they stay spread, whatever hands them
/// over in bursts. Never more: a backend that dies is out after `fall` intervals and a timeout, and
/// the rest of the interval is for what a busy node needs to see it.
/// `random`: any number.
inline base::Nanoseconds next_begin(
    base::Nanoseconds begun, base::Nanoseconds interval, bool first, std::uint64_t random
) {
  const base::Nanoseconds width = first ? interval : interval / 20;
  const base::Nanoseconds most = first ? interval : interval - interval / 50;
  return begun + most - (width == 0 ? 0 : random % width);
}

}  // namespace fairlead::health
