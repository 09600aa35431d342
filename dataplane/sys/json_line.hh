// SPDX-License-Identifier: BSD-3-Clause
// What command sockets read: one JSON object a line, without the liberties that JSON leaves.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/base/printable.hh"
#include "dataplane/base/result.hh"

namespace fairlead::sys {

/// The object of a line. Refused: what is no object, and a key that an object has twice (JSON
/// leaves open which one counts, so sender and reader could mean different things).
/// `example`: what to send instead.
inline base::Result<nlohmann::json> parse_json_object(
    std::string_view line, std::string_view example = R"({"command":"show status"})"
) {
  using Json = nlohmann::json;
  std::vector<std::set<std::string>> open;  // keys of the objects around the place
  std::string twice;
  const auto note = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second) {
      twice = value.get<std::string>();
    }
    return true;
  };
  Json root = Json::parse(line, note, false);
  if (!root.is_object()) {
    return base::invalid("not a JSON object on one line, send " + std::string(example));
  }
  if (!twice.empty()) {
    return base::invalid("key " + base::quoted(twice) + " is there twice, send it once");
  }
  return root;
}

}  // namespace fairlead::sys
