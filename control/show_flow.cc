// SPDX-License-Identifier: BSD-3-Clause
// Flow tables as JSON: counts, and one flow.
#include <map>

#include "control/api/counters.hh"
#include "control/lookup.hh"
#include "control/show.hh"

namespace fairlead::control {
namespace {

std::string_view state_name(flow::FlowState state) {
  switch (state) {
    case flow::FlowState::kNew:
      return "new";
    case flow::FlowState::kConfirmed:
      return "confirmed";
    case flow::FlowState::kClosing:
      return "closing";
    case flow::FlowState::kEmpty:
      return "empty";
  }
  return "unknown";
}

Json one_flow(Node& node, const net::FiveTuple& tuple, base::Nanoseconds now) {
  const steer::TableView& table = node.publisher.table();
  const fl_vip* vip = table.valid() ? vip_of(table, tuple) : nullptr;
  if (vip == nullptr) return Json{{"found", false}};
  return flow_entry(node, flow_hash(table, tuple), vip->vip, now);
}

}  // namespace

Json flow_entry(Node& node, std::uint64_t hash, std::uint32_t vip, base::Nanoseconds now) {
  const steer::TableView& table = node.publisher.table();
  node.flows.refresh(static_cast<unsigned>(api::pages(node.regions.worker_pages()).size()));
  const auto vip_of_member = [&table](std::uint32_t number) {
    const fl_member* member = table.find_member(number);
    return member == nullptr ? FL_NO_MEMBER : member->vip;
  };
  const auto found = node.flows.find(hash, vip, now, vip_of_member);
  if (!found) return Json{{"found", false}};
  return Json{
      {"found", true},
      {"state", state_name(found->state)},
      {"backend", node.publisher.names().backend(table.member(found->member).backend)},
      {"age_ms", found->age_ms},
      {"worker", found->worker},
  };
}

Answer show_flow(Node& node, const api::Request& request, base::Nanoseconds now) {
  if (request.tuple) return one_flow(node, *request.tuple, now);
  FL_ASSIGN(const auto rows, select(node, request));
  node.flows.refresh(static_cast<unsigned>(api::pages(node.regions.worker_pages()).size()));
  Json workers = Json::array();
  std::map<std::uint32_t, std::uint64_t> by_member;
  for (const api::FlowCount& count : node.flows.count()) {
    workers.push_back({
        {"worker", count.worker},
        {"buckets", count.buckets},
        {"entries", count.fresh + count.confirmed + count.closing},
        {"new", count.fresh},
        {"confirmed", count.confirmed},
        {"closing", count.closing},
    });
    for (const auto& [member, flows] : count.by_member) by_member[member] += flows;
  }
  Json backends = Json::array();
  for (const Selected& row : rows) {
    const auto number = member_number(node, row.vip->name, row.backend->id);
    const auto flows = number ? by_member.find(*number) : by_member.end();
    backends.push_back({
        {"backend", row.backend->id},
        {"vip", row.vip->name},
        {"flows", flows == by_member.end() ? 0 : flows->second},
    });
  }
  return Json{{"workers", workers}, {"backends", backends}};
}

}  // namespace fairlead::control
