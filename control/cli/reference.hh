// SPDX-License-Identifier: BSD-3-Clause
// The grammar as Markdown, the generated part of docs/cli.md, and as a manual page.
#pragma once

#include <string>

namespace fairlead::cli {

/// Commands by section, filters, kinds of values; ends with a line break. A test compares it with
/// the part of docs/cli.md between the "generated" marks.
std::string reference_markdown();

/// fairlead.1: troff with the man macros. manual.cc
std::string manual_page();

}  // namespace fairlead::cli
