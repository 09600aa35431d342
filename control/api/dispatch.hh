// SPDX-License-Identifier: BSD-3-Clause
// What gRPC and HTTP hand their calls to: one door for all of them.
#pragma once

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "control/api/events.hh"
#include "control/api/socket_server.hh"
#include "dataplane/base/result.hh"

namespace fairlead::api {

/// Outlives the servers that use it.
struct Dispatch {
  using Done = std::function<void(base::Result<nlohmann::json>)>;
  /// Any thread; returns at once. `done` runs exactly once, in control's thread or, where the call
  /// is refused before, in the caller's.
  std::function<void(std::string method, nlohmann::json arguments, Peer peer, Done done)> ask;
  EventRing* events = nullptr;
  EventRing* weights = nullptr;  // of kind "weight": many
};

/// What a watch sends: "generations", "health", "weights" or "events".
struct Watched {
  EventRing* ring = nullptr;  // null: there is no such watch
  std::string kind;           // "": all
};
Watched watched(const Dispatch& dispatch, const std::string& name);

/// The `after` of a watch; without one it begins now. Errors: another argument, or no number.
base::Result<std::uint64_t> watch_from(const Watched& watch, const nlohmann::json& arguments);

}  // namespace fairlead::api
