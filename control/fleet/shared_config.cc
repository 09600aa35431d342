// SPDX-License-Identifier: BSD-3-Clause
// One JSON object.
#include "control/fleet/shared_config.hh"

#include <nlohmann/json.hpp>

namespace fairlead::fleet {

using Json = nlohmann::json;

std::optional<SharedConfig> shared_config(const Values& values) {
  const auto found = values.find(kConfigName);
  if (found == values.end()) return std::nullopt;
  try {
    const Json value = Json::parse(found->second);
    return SharedConfig{
        value.at("text").get<std::string>(),
        value.value("node", ""),
        value.value("note", ""),
        value.value("at_s", std::int64_t{0})};
  } catch (const Json::exception&) {
    return std::nullopt;  // of a later version
  }
}

Change change_of(const SharedConfig& config) {
  const Json value{
      {"text", config.text}, {"node", config.from}, {"at_s", config.at_s}, {"note", config.note}};
  return {kConfigName, value.dump()};
}

}  // namespace fairlead::fleet
