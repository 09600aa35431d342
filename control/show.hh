// SPDX-License-Identifier: BSD-3-Clause
// Answers of the control socket that change nothing: the node as JSON (docs/control-socket.md).
#pragma once

#include <nlohmann/json.hpp>

#include "control/api/flow_answers.hh"
#include "control/api/request.hh"
#include "control/node.hh"

namespace fairlead::control {

using Json = nlohmann::json;
using Answer = base::Result<Json>;

// Pools: show_pools.cc
Answer show_vip(Node& node, const api::Request& request, base::Nanoseconds now);
Answer show_backend(const Node& node, const api::Request& request, base::Nanoseconds now);
Answer show_table(const Node& node, const api::Request& request);
Answer show_health(const Node& node, const api::Request& request, base::Nanoseconds now);

// Node and data plane: show_plane.cc
Json show_status(const Node& node, base::Nanoseconds now);
Answer show_stats(const Node& node, const api::Request& request, base::Nanoseconds now);
Json show_drop(const Node& node, base::Nanoseconds now);
Answer clear_stats(Node& node, const api::Request& request, base::Nanoseconds now);
Json show_memory(Node& node);
Json show_update(const Node& node, base::Nanoseconds now);  // show_update.cc
Json show_nodes(const Node& node, base::Nanoseconds now);   // show_fleet.cc, and the next
Json show_digest(const Node& node, base::Nanoseconds now);

// Flows: show_flow.cc
Answer show_flow(Node& node, const api::Request& request, base::Nanoseconds now);
/// The flow tables as they are now, with the table in force.
api::FlowSource flow_source(Node& node, base::Nanoseconds now);

// lookup.cc
Answer lookup(Node& node, const api::Request& request, base::Nanoseconds now);

/// "active", "draining", "down", "free".
std::string_view member_state_name(std::uint8_t state);
/// 16 hex digits.
std::string hex64(std::uint64_t value);

/// Errors of arguments that name nothing.
tl::unexpected<base::Error> no_vip(const Node& node, const std::string& name);
tl::unexpected<base::Error> no_backend(const Node& node, const api::Request& request);

/// The (vip, backend) pairs that a request means; an error when it names something unknown.
struct Selected {
  const model::Vip* vip;
  const model::Backend* backend;
};
base::Result<std::vector<Selected>> select(const Node& node, const api::Request& request);

}  // namespace fairlead::control
