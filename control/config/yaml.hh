// SPDX-License-Identifier: BSD-3-Clause
// YAML text as a tree that remembers its places. Only yaml.cc knows the parser's library.
#pragma once

#include <string>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::config {

struct Entry;

struct Value {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 1;                // counts from 1
  int column = 0;              // of its first character: bytes before it in the line
  bool flow = false;           // kList, kMap: in brackets
  bool quoted = false;         // "80" is text, 80 may be a number
  std::string text;            // kScalar
  std::vector<Value> items;    // kList
  std::vector<Entry> entries;  // kMap, in file order
};

struct Entry {
  std::string key;
  int line = 1;
  int column = 0;
  Value value;
};

/// One document whose root is a map. Refused, with `name:line:` in front: syntax errors, a key
/// twice in one map, anchors and aliases (a few lines could stand for gigabytes), a second
/// document, nesting deeper than 32.
base::Result<Value> parse_yaml(const std::string& text, const std::string& name);

}  // namespace fairlead::config
