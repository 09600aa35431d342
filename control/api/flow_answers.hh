// SPDX-License-Identifier: BSD-3-Clause
// The answers of `show flow ...` (docs/control-socket.md) from flow tables and a steering table,
// wherever they come from: a running node, or the files of a dead one.
#pragma once

#include <span>

#include <nlohmann/json.hpp>

#include "control/api/flow_survey.hh"
#include "control/api/request.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::api {

struct FlowSource {
  std::vector<WorkerFlows> flows;
  const steer::TableView& table;  // not valid(): names and tuples are not known
  const steer::Names& names;
  base::Nanoseconds now;
};

/// show flow, show flow list, show flow stats. Errors: kNotFound for names that do not exist.
base::Result<nlohmann::json> answer_flows(const Request& request, const FlowSource& source);

/// {found, state, backend, age_ms, worker, id}; `vip` is the vip number.
nlohmann::json flow_entry(const FlowSource& source, std::uint64_t hash, std::uint32_t vip);

/// The hash of a tuple and the vip it is for; null: none.
std::uint64_t flow_hash(const steer::TableView& table, const net::FiveTuple& tuple);
const fl_vip* vip_of(const steer::TableView& table, const net::FiveTuple& tuple);

/// "new", "confirmed", "closing", "reset", "adopted".
std::string_view state_name(flow::FlowState state);
std::optional<flow::FlowState> state_named(std::string_view name);

/// Number of a vip or backend; kNotFound with the known names.
base::Result<std::uint32_t> vip_number(const steer::Names& names, const std::string& vip);
base::Result<std::uint32_t> backend_number(const steer::Names& names, const std::string& backend);

}  // namespace fairlead::api
