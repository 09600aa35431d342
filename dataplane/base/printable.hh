// SPDX-License-Identifier: BSD-3-Clause
// Foreign text (paths, configuration, requests) on its way to a terminal or a log.
#pragma once

#include <string>
#include <string_view>

namespace fairlead::base {

/// `text` as one line that no terminal takes for a command: control bytes become \n, \t, \x1b;
/// those of Unicode (U+0080 to U+009F) too. Everything else stays, also bytes that are no UTF-8.
std::string printable(std::string_view text);

}  // namespace fairlead::base
