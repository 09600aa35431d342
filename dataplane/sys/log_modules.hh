// SPDX-License-Identifier: BSD-3-Clause
// Whose lines `set log ... module M` means.
#pragma once

#include <array>
#include <string_view>

namespace fairlead::sys {

/// Folders of the source whose files log, and `control` and `dataplane` for those that lie there
/// themselves; by name. A test compares with the source.
inline constexpr std::array<std::string_view, 8> kLogModules = {
    "api", "central", "control", "dataplane", "fleet", "health", "monitor", "routes"};

}  // namespace fairlead::sys
