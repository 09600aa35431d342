// SPDX-License-Identifier: BSD-3-Clause
// BIRD's control socket, as far as protocols are switched on and off by it.
#pragma once

#include <string>

#include "dataplane/base/result.hh"

namespace fairlead::routes {

/// `enable "PROTOCOLS"` or `disable "PROTOCOLS"`; a pattern. Good also where they are that already.
/// Blocks, at most a second. Errors: kUnavailable (no BIRD, no answer), kNotFound (no such
/// protocol), kInternal (what BIRD said).
base::Result<bool> switch_bird(
    const std::string& socket, const std::string& protocols, bool enable
);

/// The verdict of an answer, which ends with a line "NNNN text"; pure.
base::Result<bool> bird_verdict(const std::string& answer);

}  // namespace fairlead::routes
