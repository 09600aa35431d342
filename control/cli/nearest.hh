// SPDX-License-Identifier: BSD-3-Clause
// The known word nearest to what somebody typed, for "did you mean" in messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::cli {

/// The word of `known` with the fewest edits (insert, delete, replace, swap neighbours) to `typed`;
/// none if even that one needs more than a third of its letters changed. The first of equals wins.
std::optional<std::string> nearest(std::string_view typed, const std::vector<std::string>& known);

/// ", did you mean 'word'?" or nothing.
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& known);

/// "a, b or c".
std::string enumerate(const std::vector<std::string>& words);

}  // namespace fairlead::cli
