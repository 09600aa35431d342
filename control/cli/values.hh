// SPDX-License-Identifier: BSD-3-Clause
// The kinds of values that people type: how they are written, checked and sent.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/base/result.hh"

namespace fairlead::cli {

using Json = nlohmann::json;

/// Who knows the names for completion and suggestions: a daemon, or the file system.
enum class NameSource { kNone, kVips, kBackends, kFiles, kNodes };

/// A kind of value. In patterns and help it appears as `name`, in upper case.
struct ValueKind {
  std::string_view name;     // "WEIGHT"
  std::string_view form;     // "0 to 10000"
  std::string_view example;  // "50"
  NameSource source;
  std::vector<std::string> (*words)();  // fixed choices; nullptr: none
  /// Checks `text` and adds the argument(s) it stands for. Error: invalid_argument, one line.
  base::Result<void> (*store)(std::string_view text, Json& arguments);
};

/// All kinds, in the order of the reference.
std::span<const ValueKind> value_kinds();

/// The kind called `name`; aborts if there is none (patterns are checked by a test).
const ValueKind& value_kind(std::string_view name);

/// "500ms", "2s", "1m", "1h"; a bare number is seconds. 100 ms to 24 h.
base::Result<std::chrono::milliseconds> parse_interval(std::string_view text);

}  // namespace fairlead::cli
