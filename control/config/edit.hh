// SPDX-License-Identifier: BSD-3-Clause
// Vips and backends added, changed and removed in a configuration's text; values of sections.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::config {

struct Edit {
  enum class Act { kAdd, kSet, kDelete };
  Act act = Act::kSet;
  std::string vip;      // its name; empty, with a backend and not kAdd: every pool that has it
  std::string backend;  // its id; empty: the vip itself is meant
  /// Keys and values as one writes them in the file; not for kDelete. A value that begins with a
  /// bracket is YAML, as in "{interval: 2s}".
  std::vector<std::pair<std::string, std::string>> values;
  /// For kSet, in place of vip and backend: the map of this path, made where it is not there.
  std::vector<std::string> section = {};
};

/// The text with the change in it. What the change does not name stays as it is, byte for byte:
/// comments, order and form. The result is read again and compared with the change made on the
/// tree, so a form of YAML that cannot be edited in place is refused, never spoiled.
/// Whether it is a good configuration is for parse_config() to say.
/// Errors: not_found, already there, a text that is no YAML, a value that is none.
base::Result<std::string> edit_config(const std::string& text, const Edit& edit);

}  // namespace fairlead::config
