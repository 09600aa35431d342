// SPDX-License-Identifier: BSD-3-Clause
// Vips, backends, tables and health as JSON.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "control/api/counters.hh"
#include "control/model/names.hh"
#include "control/show.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::control {
namespace {

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 20;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kMost; ++i) out += (i > 0 ? ", " : "") + names[i];
  return names.size() > kMost ? out + ", ..." : out;
}

const fl_vip* published_vip(const Node& node, const std::string& name) {
  const auto number = node.publisher.steering().vip_number(name);
  if (!number) return nullptr;
  for (const fl_vip& vip : node.publisher.table().vips()) {
    if (vip.vip == *number) return &vip;
  }
  return nullptr;
}

// Slots by member number.
std::map<std::uint32_t, std::uint32_t> slot_counts(const Node& node, const fl_vip* vip) {
  std::map<std::uint32_t, std::uint32_t> out;
  if (vip == nullptr || vip->table_size == 0) return out;
  const steer::TableView& table = node.publisher.table();
  const std::vector<std::uint32_t> counts = steer::count_slots(table, *vip);
  for (std::size_t i = 0; i < counts.size(); ++i) out[table.pool(*vip)[i]] = counts[i];
  return out;
}

double share(std::uint32_t slots, const fl_vip* vip) {
  if (vip == nullptr || vip->table_size == 0) return 0;
  return static_cast<double>(slots) / vip->table_size;
}

/// A configured weight on its way, whoever takes its steps; nullopt: it is where it is.
std::optional<RampElsewhere> ramp_of(const Node& node, const Member& member) {
  const OperatorState& state = node.operators;
  if (const auto own = state.ramps.find(member); own != state.ramps.end())
    return RampElsewhere{node.config.node.id, own->second.to, own->second.until};
  const auto other = state.ramps_elsewhere.find(member);
  return other == state.ramps_elsewhere.end() ? std::nullopt : std::optional(other->second);
}

/// Since when an answer's counters count, if they were cleared.
void add_cleared(Json& row, base::Nanoseconds taken, base::Nanoseconds now) {
  if (taken != 0) row["cleared_s"] = static_cast<double>(now - taken) / 1e9;
}

Json vip_row(
    const Node& node,
    const model::Vip& vip,
    const std::vector<api::FlowCount>& counts,
    base::Nanoseconds now
) {
  const fl_vip* published = published_vip(node, vip.name);
  std::size_t backends = 0;  // without those that a drain has removed
  std::size_t healthy = 0;
  std::uint64_t flows = 0;
  for (const model::Backend& backend : vip.backends) {
    if (held_as(node.operators.holds, {vip.name, backend.id}).removed) continue;
    ++backends;
    if (node.checks.state(vip.name, backend.id) == health::State::kUp) ++healthy;
  }
  for (const api::FlowCount& count : counts) {
    for (std::uint32_t number = 0; number < count.open_by_member.size(); ++number) {
      const fl_member* member = node.publisher.table().find_member(number);
      if (member != nullptr && published != nullptr && member->vip == published->vip)
        flows += count.open_by_member[number];
    }
  }
  const StatsBaseline::Vip sum =
      published == nullptr ? StatsBaseline::Vip{}
                           : node.cleared.vip_sum(node.regions.worker_pages(), published->vip);
  Json row{
      {"name", vip.name},
      {"address", vip.prefix.to_string()},
      {"protocol", model::to_string(vip.protocol)},
      {"port", vip.port},
      {"encapsulation", to_string(vip.encapsulation)},
      {"choices", vip.choices},
      {"table_size", published == nullptr ? 0 : published->table_size},
      {"backends", backends},
      {"healthy", healthy},
      {"flows", flows},
      {"packets", sum.packets},
      {"bytes", sum.bytes},
      {"new_flows", sum.new_flows},
      {"dropped", sum.dropped},
      {"state", node.operators.disabled.count(vip.name) > 0 ? "disabled" : "serving"},
  };
  if (published != nullptr) add_cleared(row, node.cleared.vip_taken(published->vip), now);
  return row;
}

void add_report(Json& row, const Node& node, const model::Backend& backend, base::Nanoseconds now) {
  const auto report = node.intake.peek(backend.id);
  row["capacity"] = backend.capacity;
  if (!report) return;
  using monitor::kActiveUntold;
  using monitor::kCpuUntold;
  using monitor::kMemoryUntold;
  if ((report->untold & kCpuUntold) == 0) row["cpu"] = report->cpu;
  if ((report->untold & kMemoryUntold) == 0) row["memory"] = report->memory;
  if ((report->untold & kActiveUntold) == 0)
    row["active_connections"] = std::llround(report->active);
  if (report->latency_us > 0) row["latency_us"] = report->latency_us;
  row["requests_per_second"] = report->requests_per_second;
  if (report->capacity != 0) row["capacity"] = report->capacity;
  row["report_age_ms"] = (now - report->received_ns) / base::kMillisecond;
  const auto tunnel = node.intake.tunnel(backend.id);
  if (!tunnel.empty()) row["tunnel"] = tunnel;
  for (const auto& origin : node.intake.origins(backend.id)) {
    Json line = {
        {"origin", to_string(origin.origin)},
        {"accepted", origin.accepted},
        {"refused", origin.refused}};
    if (origin.heard_ns != 0) line["age_ms"] = (now - origin.heard_ns) / base::kMillisecond;
    if (origin.refused != 0) line["last_refusal"] = to_string(origin.last_refusal);
    row["reports"].push_back(std::move(line));
  }
}

/// Policies whose weights come from measured capacity.
bool measures(model::PolicyName policy) {
  using P = model::PolicyName;
  return policy == P::kWrr || policy == P::kAdaptive || policy == P::kEg ||
         policy == P::kActorCritic;
}

std::string why_held(const Hold& hold) {
  const std::string after = hold.drain ? "; then its drain goes on" : "";
  if (hold.kind == HoldKind::kMaint && hold.deadline != 0)
    return "in maintenance, until its time is over" + after;
  if (hold.kind == HoldKind::kMaint) return "in maintenance, until an operator ends it" + after;
  if (hold.kind == HoldKind::kDisable) return "disabled by operator" + after;
  if (!hold.over) return "drained by operator";
  return hold.then == Then::kRemove ? "drained and removed by operator"
                                    : "drained by operator, its time is over";
}

std::string why(const Node& node, const model::Vip& vip, const model::Backend& backend) {
  const auto state = node.checks.state(vip.name, backend.id);
  if (const auto held = node.operators.holds.find({vip.name, backend.id});
      held != node.operators.holds.end())
    return why_held(held->second);
  if (node.operators.disabled.count(vip.name) > 0) return "its vip is disabled by operator";
  if (node.intake.has_left(backend.id)) return "left: its agent said goodbye";
  if (state == health::State::kDown) {
    return "down: " + node.checks.reason(vip.name, backend.id);
  }
  const auto* weight = node.weights.find(vip.name, backend.id);
  std::string out = weight == nullptr ? "not weighed yet" : weight->why;
  if (node.operators.weights.count({vip.name, backend.id}) > 0) {
    out += "; weight set by operator";
    if (const auto ramp = ramp_of(node, {vip.name, backend.id})) {
      out += ", on its way to " + std::to_string(ramp->to);
      if (ramp->node != node.config.node.id) out += " by node " + ramp->node;
    }
    // These measure capacity: a configured weight only fills in for an estimate.
    if (measures(node.config.policy) && !node.operators.frozen)
      out += ", in force only until there is an estimate";
  }
  return out;
}

std::string_view unpublished(const Node& node, const Selected& s) {
  const bool removed = held_as(node.operators.holds, {s.vip->name, s.backend->id}).removed;
  return removed ? "removed" : "unpublished";
}

Json backend_row(
    const Node& node,
    const Selected& s,
    const fl_vip* published,
    const std::map<std::uint32_t, std::uint32_t>& slots,
    base::Nanoseconds now
) {
  const auto number = member_number(node, s.vip->name, s.backend->id);
  const fl_member* member = number ? &node.publisher.table().member(*number) : nullptr;
  const auto sum = member == nullptr
                       ? api::BackendSum{}
                       : node.cleared.backend(node.regions.worker_pages(), member->backend);
  const auto found = number ? slots.find(*number) : slots.end();
  const std::uint32_t owned = found == slots.end() ? 0 : found->second;
  Json row{
      {"id", s.backend->id},
      {"vip", s.vip->name},
      {"address", s.backend->address.to_string()},
      {"state", member == nullptr ? unpublished(node, s) : member_state_name(member->state)},
      {"health", to_string(node.checks.state(s.vip->name, s.backend->id))},
      {"configured_weight", base_weight(node, *s.vip, *s.backend)},
      {"weight", member == nullptr ? 0 : member->weight},
      {"slots", owned},
      {"share", share(owned, published)},
      {"in_flight", sum.in_flight},
      {"flows_begun", sum.flows_begun},
      {"flows_completed", sum.flows_completed},
      {"packets", sum.packets},
      {"bytes", sum.bytes},
      {"why", why(node, *s.vip, *s.backend)},
  };
  if (const auto ramp = ramp_of(node, {s.vip->name, s.backend->id})) {
    row["ramp_to"] = ramp->to;
    row["ramp_remaining_ms"] = (std::max(ramp->until, now) - now) / base::kMillisecond;
    if (node.store) row["ramp_node"] = ramp->node;
  }
  if (member != nullptr) add_cleared(row, node.cleared.backend_taken(member->backend), now);
  add_report(row, node, *s.backend, now);
  return row;
}

}  // namespace

std::string_view member_state_name(std::uint8_t state) {
  switch (state) {
    case FL_MEMBER_ACTIVE:
      return "active";
    case FL_MEMBER_DRAINING:
      return "draining";
    case FL_MEMBER_DOWN:
      return "down";
    default:
      return "free";
  }
}

tl::unexpected<base::Error> no_vip(const Node& node, const std::string& name) {
  std::vector<std::string> names;
  for (const model::Vip& vip : node.config.vips) names.push_back(vip.name);
  return base::fail(
      base::ErrorCode::kNotFound, "no vip " + base::quoted(name) + "; known: " + listed(names)
  );
}

tl::unexpected<base::Error> no_backend(const Node& node, const api::Request& request) {
  std::vector<std::string> ids;
  for (const model::Vip& vip : node.config.vips) {
    if (request.vip && vip.name != *request.vip) continue;
    for (const model::Backend& backend : vip.backends) {
      if (std::find(ids.begin(), ids.end(), backend.id) == ids.end()) ids.push_back(backend.id);
    }
  }
  const std::string where = request.vip ? " in vip " + base::quoted(*request.vip) : "";
  return base::fail(
      base::ErrorCode::kNotFound,
      "no backend " + base::quoted(request.backend.value_or("")) + where + "; known: " + listed(ids)
  );
}

base::Result<std::vector<Selected>> select(const Node& node, const api::Request& request) {
  if (request.vip && find_vip(node, *request.vip) == nullptr) return no_vip(node, *request.vip);
  std::vector<Selected> out;
  for (const model::Vip& vip : node.config.vips) {
    if (request.vip && vip.name != *request.vip) continue;
    for (const model::Backend& backend : vip.backends) {
      if (!request.backend || backend.id == *request.backend) out.push_back({&vip, &backend});
    }
  }
  if (out.empty() && request.backend) return no_backend(node, request);
  return out;
}

Answer show_vip(Node& node, const api::Request& request, base::Nanoseconds now) {
  if (request.vip && find_vip(node, *request.vip) == nullptr) return no_vip(node, *request.vip);
  std::vector<api::FlowCount> counts;  // reads every flow table: once
  for (const api::WorkerFlows& flows : flow_source(node, 0).flows)
    counts.push_back(api::count_flows(flows));
  Json vips = Json::array();
  for (const model::Vip& vip : node.config.vips) {
    if (!request.vip || vip.name == *request.vip) vips.push_back(vip_row(node, vip, counts, now));
  }
  return Json{{"vips", vips}};
}

Answer show_backend(const Node& node, const api::Request& request, base::Nanoseconds now) {
  FL_ASSIGN(const auto rows, select(node, request));
  Json backends = Json::array();
  const model::Vip* last = nullptr;
  const fl_vip* published = nullptr;
  std::map<std::uint32_t, std::uint32_t> slots;
  for (const Selected& row : rows) {
    if (row.vip != last) {
      last = row.vip;
      published = published_vip(node, row.vip->name);
      slots = slot_counts(node, published);
    }
    backends.push_back(backend_row(node, row, published, slots, now));
  }
  return Json{{"backends", backends}};
}

Answer show_table(const Node& node, const api::Request& request) {
  const model::Vip* vip = find_vip(node, *request.vip);
  if (vip == nullptr) return no_vip(node, *request.vip);
  const fl_vip* published = published_vip(node, vip->name);
  if (published == nullptr) {
    return base::fail(base::ErrorCode::kUnavailable, "no generation is published yet, ask again");
  }
  const auto slots = slot_counts(node, published);
  Json shares = Json::array();
  const auto members = node.publisher.table().members();
  for (std::uint32_t n = 0; n < members.size(); ++n) {
    if (members[n].state == FL_MEMBER_FREE || members[n].vip != published->vip) continue;
    const auto found = slots.find(n);
    const std::uint32_t owned = found == slots.end() ? 0 : found->second;
    shares.push_back({
        {"backend", node.publisher.names().backend(members[n].backend)},
        {"weight", members[n].weight},
        {"slots", owned},
        {"share", share(owned, published)},
    });
  }
  const auto moved = node.publisher.last_moved().find(vip->name);
  return Json{
      {"vip", vip->name},
      {"size", published->table_size},
      {"generation", node.publisher.generation()},
      {"digest", hex64(node.publisher.table().digest())},
      {"last_moved", moved == node.publisher.last_moved().end() ? 0 : moved->second},
      {"shares", shares},
  };
}

std::string_view type_of(const health::Check& check) {
  const bool host = check.target.kind == model::ProbeKind::kHost;
  return check.probed || host ? to_string(check.target.kind) : std::string_view("none");
}

Answer show_health(const Node& node, const api::Request& request, base::Nanoseconds now) {
  FL_ASSIGN(const auto rows, select(node, request));
  Json checks = Json::array();
  for (const Selected& row : rows) {
    const health::Check& check = node.checks.all().at({row.vip->name, row.backend->id});
    const auto number = node.publisher.steering().backend_number(row.backend->id);
    const auto sum =
        number ? api::backend_sum(node.regions.worker_pages(), *number) : api::BackendSum{};
    Json line = {
        {"backend", row.backend->id},
        {"vip", row.vip->name},
        {"type", type_of(check)},
        {"via", check.tunnelled ? "tunnel" : "direct"},
        {"state", to_string(node.checks.state(row.vip->name, row.backend->id))},
        {"cause", to_string(check.judge.because())},
        {"share_pct", check.share_pct},
        {"last_result", node.checks.reason(row.vip->name, row.backend->id)},
        {"last_change_s", static_cast<double>(now - check.last_change_ns) / 1e9},
        {"probes", check.probes},
        {"failures", check.failures},
        {"flaps", check.judge.flaps()},
        {"ejected", sum.ejected_by > 0},
        {"ejections", sum.ejections},
    };
    if (check.last_rtt != 0) line["rtt_us"] = check.last_rtt / base::kMicrosecond;
    const auto order = node.operators.health.find({row.vip->name, row.backend->id});
    if (order != node.operators.health.end()) {
      line["order"] = order->second.up ? "up" : "down";
      if (order->second.until > now)
        line["order_remaining_ms"] = (order->second.until - now) / base::kMillisecond;
    }
    checks.push_back(std::move(line));
  }
  return Json{{"checks", checks}};
}

}  // namespace fairlead::control
