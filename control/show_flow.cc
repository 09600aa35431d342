// SPDX-License-Identifier: BSD-3-Clause
// Flow tables of the running node.
#include "control/api/counters.hh"
#include "control/api/flow_answers.hh"
#include "control/flow_orders.hh"
#include "control/show.hh"

namespace fairlead::control {

api::FlowSource flow_source(Node& node, base::Nanoseconds now) {
  const auto workers = static_cast<unsigned>(api::pages(node.regions.worker_pages()).size());
  return {node.flows.refresh(workers), node.publisher.table(), node.publisher.names(), now};
}

Answer show_flow(Node& node, const api::Request& request, base::Nanoseconds now) {
  FL_ASSIGN(Json answer, api::answer_flows(request, flow_source(node, now)));
  if (request.command == api::Command::kShowFlowStats) answer["flush"] = flush_state(node, now);
  return answer;
}

}  // namespace fairlead::control
