// SPDX-License-Identifier: BSD-3-Clause
// Holds on the running node: deciding is holds.cc's, counting and telling is done here.
#include "control/hold_actions.hh"

#include <algorithm>

#include "control/actions.hh"
#include "control/api/flow_survey.hh"
#include "control/held_back.hh"
#include "control/model/names.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

using api::Command;

constexpr base::Nanoseconds kCountEvery = base::kSecond;

/// Open flows of every member, in one reading of all tables.
std::map<Member, std::uint64_t> open_by_member(Node& node, base::Nanoseconds now) {
  std::map<Member, std::uint64_t> out;
  const steer::Names& names = node.publisher.names();
  for (const api::WorkerFlows& flows : flow_source(node, now).flows) {
    const api::FlowCount count = api::count_flows(flows);
    for (std::uint32_t n = 0; n < count.open_by_member.size(); ++n) {
      const fl_member* member = node.publisher.table().find_member(n);
      if (member == nullptr || count.open_by_member[n] == 0) continue;
      out[{std::string(names.vip(member->vip)), std::string(names.backend(member->backend))}] +=
          count.open_by_member[n];
    }
  }
  return out;
}

std::uint64_t open_of(const std::map<Member, std::uint64_t>& flows, const Member& member) {
  const auto open = flows.find(member);
  return open == flows.end() ? 0 : open->second;
}

/// In flight through other nodes, by what the exchange says of them; nullopt: it says nothing.
std::optional<std::uint64_t> open_elsewhere(const Node& node, const std::string& backend) {
  if (!node.exchange.shared()) return std::nullopt;
  const auto number = node.publisher.steering().backend_number(backend);
  if (!number) return 0;
  return node.exchange.elsewhere(*number);
}

/// Flows that a drain waits for. A node of a fleet does not end a drain while it cannot know of the
/// others': tables would differ, or their flows be reset.
std::uint64_t awaited(const Node& node, const Member& member, std::uint64_t open_here) {
  if (!node.store) return open_here;
  const auto elsewhere = open_elsewhere(node, member.second);
  return elsewhere ? open_here + *elsewhere : std::max<std::uint64_t>(open_here, 1);
}

bool takes(const Node& node, const OperatorState& state, const model::Vip& vip, std::size_t i) {
  const model::Backend& backend = vip.backends[i];
  const Member member(vip.name, backend.id);
  const auto set = state.weights.find(member);
  const std::uint32_t weight = set == state.weights.end() ? backend.weight : set->second;
  const auto ramp = state.ramps.find(member);
  const auto other = state.ramps_elsewhere.find(member);
  const bool ends = (ramp != state.ramps.end() && ramp->second.to == 0) ||  // takes no more soon
                    (other != state.ramps_elsewhere.end() && other->second.to == 0);
  return weight > 0 && !ends && state.holds.count(member) == 0 &&
         !node.intake.has_left(backend.id) &&
         node.checks.state(vip.name, backend.id) != health::State::kDown;
}

std::size_t takers(const Node& node, const OperatorState& state, const model::Vip& vip) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < vip.backends.size(); ++i) count += takes(node, state, vip, i) ? 1 : 0;
  return count;
}

std::string spoken(const api::Request& r) {
  return "backend=" + *r.backend + " vip=" + r.vip.value_or("all");
}

/// Of a member of a vip of this protocol: UDP clients mostly do not hang on a connection, so their
/// time may be a shorter one.
base::Result<Hold> hold_of(const api::Request& r, net::IpProto protocol, base::Nanoseconds now) {
  const bool udp = protocol == net::IpProto::kUdp && r.udp_deadline;
  const std::optional<base::Nanoseconds>& time = udp ? r.udp_deadline : r.deadline;
  Hold hold;
  hold.since = now;
  if (r.command == Command::kMaintBackend) hold.kind = HoldKind::kMaint;
  if (r.command == Command::kDisableBackend) hold.kind = HoldKind::kDisable;
  if (hold.kind == HoldKind::kMaint && r.lasting) hold.deadline = now + *r.lasting;
  if (hold.kind != HoldKind::kDrain) return hold;
  if (time) hold.deadline = now + *time;
  hold.then = r.then ? *then_word(*r.then) : time ? Then::kReset : Then::kKeep;
  if (hold.then == Then::kReset && !time)
    return base::invalid("drain: 'then reset' needs a deadline, as in deadline 10m then reset");
  if (hold.then == Then::kKeep && time)
    return base::invalid("drain: a deadline needs 'then reset' or 'then remove', keep has no end");
  return hold;
}

void tell(
    Node& node,
    const std::string& vip,
    const std::string& backend,
    std::string what,
    std::string cause
) {
  api::Event event;
  event.kind = "drain";
  event.what = std::move(what);
  event.cause = std::move(cause);
  event.vip = vip;
  event.backend = backend;
  node.happenings.tell(std::move(event));
}

Answer done(
    Node& node,
    Reconciler& reconciler,
    OperatorState next,
    std::size_t changed,
    std::uint64_t flows,  // open on the members that were named
    base::Nanoseconds now
) {
  if (changed > 0) {
    FL_TRY(decide(node, std::move(next)));
    node.weights.end_hold();
    reconciler.hasten_policy();
    reconciler.mark_dirty(now);
  }
  Json out{{"changed", changed}, {"flows", flows}};
  say_from_when(node, changed > 0, now, out);
  return out;
}

/// What a drain is to the vips of one protocol.
struct DrainOf {
  std::size_t vips = 0;
  Hold hold;
};

/// "drain begins, then reset", and where protocols differ "drain begins, udp: then reset".
std::string begun(const std::map<net::IpProto, DrainOf>& drains) {
  const Hold& first = drains.begin()->second.hold;
  const bool alike = std::all_of(drains.begin(), drains.end(), [&](const auto& drain) {
    return drain.second.hold.then == first.then;
  });
  std::string out = std::string(to_string(first.kind)) + " begins";
  for (const auto& [protocol, drain] : drains) {
    if (drain.hold.then == Then::kKeep) continue;
    out += alike ? ", then " : ", " + std::string(model::to_string(protocol)) + ": then ";
    out += to_string(drain.hold.then);
    if (alike) break;
  }
  return out;
}

/// Tells it for each protocol: UDP may have another end. `then` of all only if it is one word.
void tell_protocols(
    const std::map<net::IpProto, DrainOf>& drains, base::Nanoseconds now, Json& out
) {
  Json rows = Json::array();
  bool alike = true;
  for (const auto& [protocol, drain] : drains) {
    Json row{
        {"protocol", model::to_string(protocol)},
        {"vips", drain.vips},
        {"flows", drain.hold.flows},
        {"then", to_string(drain.hold.then)}};
    if (drain.hold.deadline != 0)
      row["deadline_ms"] = (drain.hold.deadline - now) / base::kMillisecond;
    rows.push_back(std::move(row));
    alike = alike && drain.hold.then == drains.begin()->second.hold.then;
  }
  if (alike) out["then"] = to_string(drains.begin()->second.hold.then);
  out["protocols"] = std::move(rows);
}

Answer begin(Node& node, Reconciler& reconciler, const api::Request& r, base::Nanoseconds now) {
  FL_ASSIGN(const auto rows, select(node, r));
  Hold hold;
  bool over_drain = false;
  std::map<net::IpProto, DrainOf> drains;
  const auto flows = open_by_member(node, now);
  OperatorState next = node.operators;
  std::size_t changed = 0;
  std::uint64_t all = 0;
  for (const Selected& row : rows) {
    const Member member(row.vip->name, row.backend->id);
    FL_ASSIGN(hold, hold_of(r, row.vip->protocol, now));
    hold.flows = open_of(flows, member);
    all += hold.flows;
    FL_ASSIGN(const bool different, begin_hold(next.holds, member, hold));
    changed += different ? 1 : 0;
    DrainOf& of_protocol = drains[row.vip->protocol];
    over_drain = over_drain || next.holds.at(member).drain.has_value();
    hold.flows += of_protocol.hold.flows;
    of_protocol = {of_protocol.vips + 1, hold};
  }
  FL_TRY(keeps_takers(node, next, rows));
  FL_ASSIGN(Json out, done(node, reconciler, std::move(next), changed, all, now));
  out["hold"] = to_string(hold.kind);
  if (hold.kind == HoldKind::kDrain) tell_protocols(drains, now, out);
  if (const auto& time = r.lasting ? r.lasting : r.deadline; time)
    out["deadline_ms"] = *time / base::kMillisecond;
  if (r.udp_deadline && drains.count(net::IpProto::kUdp) == 0)
    out["note"] = "no udp vip has it: the time for udp changes nothing";
  if (over_drain) out["note"] = "its drain goes on when that ends";
  if (r.udp_deadline) out["udp_deadline_ms"] = *r.udp_deadline / base::kMillisecond;
  sys::log_info("operator began " + std::string(to_string(hold.kind)) + " " + spoken(r));
  if (changed > 0) tell(node, r.vip.value_or(""), *r.backend, begun(drains), "operator");
  return out;
}

std::string hold_ended(HoldKind kind, bool drains) {
  return std::string(to_string(kind)) + (drains ? " ends, its drain goes on" : " ends");
}

Answer end(
    Node& node, Reconciler& reconciler, const api::Request& r, HoldKind kind, base::Nanoseconds now
) {
  FL_ASSIGN(const auto rows, select(node, r));
  const auto flows = open_by_member(node, now);
  OperatorState next = node.operators;
  std::size_t changed = 0;
  std::uint64_t all = 0;
  bool drains = false;
  for (const Selected& row : rows) {
    const Member member(row.vip->name, row.backend->id);
    FL_ASSIGN(const bool was, end_hold(next.holds, member, kind));
    changed += was ? 1 : 0;
    all += open_of(flows, member);
    drains = drains || next.holds.count(member) > 0;
  }
  const bool returns = kind == HoldKind::kDrain && node.intake.come_back(*r.backend);
  if (returns) ++changed;
  Answer out = done(node, reconciler, std::move(next), changed, all, now);
  if (!out && returns) (void)node.intake.leave(*r.backend);
  if (out && changed > 0) {
    sys::log_info("operator ended " + std::string(to_string(kind)) + " " + spoken(r));
    tell(node, r.vip.value_or(""), *r.backend, hold_ended(kind, drains), "operator");
  }
  if (out && drains) (*out)["note"] = "no new flows yet, its drain goes on";
  return out;
}

std::string phase(const Hold& hold, std::uint64_t flows) {
  if (hold.kind == HoldKind::kMaint) return "maintenance";
  if (hold.kind == HoldKind::kDisable) return "disabled";
  if (hold.over) return hold.then == Then::kRemove ? "removed" : "reset";
  return flows == 0 ? "drained" : "draining";
}

Json drain_row(const Member& member, const Hold& hold, std::uint64_t flows, base::Nanoseconds now) {
  Json row{
      {"vip", member.first},
      {"backend", member.second},
      {"hold", to_string(hold.kind)},
      {"phase", phase(hold, flows)},
      {"since_s", (now - hold.since) / base::kSecond},
      {"flows_before", hold.flows},
      {"flows", flows}};
  if (hold.kind == HoldKind::kDrain) row["then"] = to_string(hold.then);
  if (hold.deadline != 0 && !hold.over)
    row["remaining_ms"] = hold.deadline > now ? (hold.deadline - now) / base::kMillisecond : 0;
  return row;
}

}  // namespace

base::Result<bool> keeps_takers(
    const Node& node, const OperatorState& next, const std::vector<Selected>& rows
) {
  for (const Selected& row : rows) {
    if (takers(node, next, *row.vip) == 0 && takers(node, node.operators, *row.vip) > 0) {
      return base::fail(
          base::ErrorCode::kFailedPrecondition,
          "vip " + row.vip->name +
              " would have no backend for new flows, give another one a weight "
              "or undrain it first"
      );
    }
  }
  return true;
}

Answer change_hold(
    Node& node, Reconciler& reconciler, const api::Request& r, base::Nanoseconds now
) {
  switch (r.command) {
    case Command::kUndrainBackend:
      return end(node, reconciler, r, HoldKind::kDrain, now);
    case Command::kEnableBackend:
      return end(node, reconciler, r, HoldKind::kDisable, now);
    case Command::kMaintBackend:
      if (r.on.value_or(true)) return begin(node, reconciler, r, now);
      if (r.lasting) return base::invalid("'off' has no end, leave out the time");
      return end(node, reconciler, r, HoldKind::kMaint, now);
    default:
      return begin(node, reconciler, r, now);
  }
}

Answer show_drain(Node& node, const api::Request& request, base::Nanoseconds now) {
  FL_ASSIGN(const auto rows, select(node, request));
  const auto flows = open_by_member(node, now);
  Json out = Json::array();
  for (const Selected& row : rows) {
    const Member member(row.vip->name, row.backend->id);
    const std::uint64_t left = open_of(flows, member);
    if (const auto hold = node.operators.holds.find(member); hold != node.operators.holds.end()) {
      out.push_back(drain_row(member, hold->second, left, now));
    } else if (node.intake.has_left(row.backend->id)) {
      out.push_back(
          {{"vip", member.first},
           {"backend", member.second},
           {"hold", "left"},
           {"phase", left == 0 ? "drained" : "draining"},
           {"flows", left}}
      );
    }
  }
  return Json{{"drains", std::move(out)}};
}

namespace {

/// Maintenance whose time is over ends by itself. True if any did.
bool end_maintenance(Node& node, base::Nanoseconds now) {
  bool any = false;
  Holds& holds = node.operators.holds;
  for (auto it = holds.begin(); it != holds.end();) {
    const auto& [member, hold] = *it;
    if (hold.kind != HoldKind::kMaint || hold.deadline == 0 || now < hold.deadline) {
      ++it;
      continue;
    }
    sys::log_info("maint ends backend=" + member.second + " vip=" + member.first + " by=deadline");
    const std::string what = hold_ended(HoldKind::kMaint, hold.drain.has_value());
    tell(node, member.first, member.second, what, "its time is over");
    it = lift(holds, it);
    any = true;
  }
  return any;
}

}  // namespace

void DrainWatch::tick(Node& node, Reconciler& reconciler, base::Nanoseconds now) {
  if (node.operators.holds.empty()) return;
  const bool count = now >= count_at_;
  std::optional<std::map<Member, std::uint64_t>> flows;
  const auto ended = end_drains(node.operators.holds, now, [&](const Member& member) {
    if (!count) return std::uint64_t{1};  // not known now: not the end
    if (!flows) flows = open_by_member(node, now);
    return awaited(node, member, open_of(*flows, member));
  });
  if (count) count_at_ = now + kCountEvery;
  for (const Member& member : ended) {
    const Hold& hold = node.operators.holds.at(member);
    sys::log_info(
        "drain ends backend=" + member.second + " vip=" + member.first +
        " then=" + std::string(to_string(hold.then)) + " flows_before=" + std::to_string(hold.flows)
    );
    const bool late = hold.deadline != 0 && now >= hold.deadline;
    tell(
        node,
        member.first,
        member.second,
        "drain is over, then " + std::string(to_string(hold.then)),
        late ? "deadline" : "the last flow has ended"
    );
  }
  const bool maintained = end_maintenance(node, now);
  if (ended.empty() && !maintained) return;
  if (maintained) reconciler.hasten_policy();
  persist(node);
  reconciler.mark_dirty(now);
}

}  // namespace fairlead::control
