// SPDX-License-Identifier: BSD-3-Clause
// Watches by name.
#include "control/api/dispatch.hh"

#include "dataplane/base/printable.hh"

namespace fairlead::api {

Watched watched(const Dispatch& dispatch, const std::string& name) {
  if (name == "events") return {dispatch.events, ""};
  if (name == "generations") return {dispatch.events, "generation"};
  if (name == "health") return {dispatch.events, "health"};
  if (name == "weights") return {dispatch.weights, "weight"};
  return {};
}

base::Result<std::uint64_t> watch_from(const Watched& watch, const nlohmann::json& arguments) {
  for (const auto& item : arguments.items()) {
    if (item.key() != "after") {
      return base::invalid(
          "a watch has no argument " + base::quoted(item.key()) + ", only 'after'"
      );
    }
    if (!item.value().is_number_unsigned())
      return base::invalid("argument 'after' must be the number of an event, as in show events");
    return item.value().get<std::uint64_t>();
  }
  return watch.ring->newest();
}

}  // namespace fairlead::api
