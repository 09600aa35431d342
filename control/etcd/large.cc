// SPDX-License-Identifier: BSD-3-Clause
// Head: "UNIQUE PARTS BYTES". Parts: "KEY.part/UNIQUE/000".
#include "control/etcd/large.hh"

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

namespace fairlead::etcd {
namespace {

std::string part_key(const std::string& key, const std::string& unique, std::size_t number) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%04zu", number);
  return key + ".part/" + unique + "/" + digits;
}

}  // namespace

LargeWrite split(
    const std::string& key,
    const std::string& value,
    const std::string& unique,
    const std::vector<Write>& with,
    std::size_t part_bytes
) {
  LargeWrite out;
  std::size_t parts = 0;
  for (std::size_t at = 0; at < value.size(); at += part_bytes) {
    out.parts.push_back(
        {{.key = part_key(key, unique, parts++), .value = value.substr(at, part_bytes)}}
    );
  }
  out.head.push_back(
      {.key = key,
       .value = unique + " " + std::to_string(parts) + " " + std::to_string(value.size())}
  );
  out.head.insert(out.head.end(), with.begin(), with.end());
  return out;
}

base::Result<std::optional<std::string>> joined(const std::string& key, const Range& listed) {
  std::map<std::string, const std::string*> values;
  for (const KeyValue& kv : listed.values) values[kv.key] = &kv.value;
  const auto head = values.find(key);
  if (head == values.end()) return std::optional<std::string>();
  std::istringstream fields(*head->second);
  std::string unique;
  std::size_t parts = 0;
  std::size_t bytes = 0;
  const bool read = static_cast<bool>(fields >> unique >> parts >> bytes);
  std::string value;
  for (std::size_t i = 0; read && i < parts; ++i) {
    const auto part = values.find(part_key(key, unique, i));
    if (part == values.end()) break;
    value += *part->second;
  }
  if (!read || value.size() != bytes)
    return base::fail(base::ErrorCode::kDataLoss, "etcd key " + key + ": parts are missing");
  return std::optional<std::string>(std::move(value));
}

}  // namespace fairlead::etcd
