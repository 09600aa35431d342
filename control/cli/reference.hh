// SPDX-License-Identifier: BSD-3-Clause
// The grammar as Markdown: the generated part of docs/cli.md.
#pragma once

#include <string>

namespace fairlead::cli {

/// Commands by section, filters, kinds of values; ends with a line break. A test compares it with
/// the part of docs/cli.md between the "generated" marks.
std::string reference_markdown();

}  // namespace fairlead::cli
