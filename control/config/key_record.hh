// SPDX-License-Identifier: BSD-3-Clause
// What the loader says about a key while it reads it: the one table of keys, from the calls that
// read them, so that it cannot differ from what is read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::config {

enum class KeyKind : std::uint8_t {
  kText,
  kName,
  kWhole,
  kReal,
  kDuration,
  kBytes,
  kCount,
  kWord,
  kMap,
  kList,
};

struct KeyRecord {
  std::string path = {};  // "vips[].backends[].weight"
  KeyKind kind = KeyKind::kText;
  double least = 0;  // numbers, in the key's own unit; kReal: above it
  double most = 0;
  std::string range = {};     // as operators write it: "1s to 4h"
  std::string fallback = {};  // value where the key is left out; "": none, or it depends on others
  std::vector<std::string> words = {};
  std::string pattern = {};  // of a text
  bool required = false;
  bool bare = false;  // tells only whether it is required, or its pattern
  int line = 0;       // where the sample has it; 0: it has not
};

using KeyRecords = std::vector<KeyRecord>;

}  // namespace fairlead::config
