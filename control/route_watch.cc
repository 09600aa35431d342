// SPDX-License-Identifier: BSD-3-Clause
// Signs from the node's state, and what follows from the verdict.
#include "control/route_watch.hh"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "control/actions.hh"
#include "control/api/counters.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

constexpr base::Nanoseconds kLook = 100 * base::kMillisecond;
// A host that boots while etcd or all monitors are away serves by its own file then.
constexpr base::Nanoseconds kWaitForState = 15 * base::kSecond;
constexpr base::Nanoseconds kQuiet = 2 * base::kSecond;
constexpr base::Nanoseconds kLeaveWithin = 60 * base::kSecond;

/// The tables that more than half of the other nodes have; nullopt: there is no such majority.
std::optional<std::uint64_t> others_digest(const Node& node) {
  std::map<std::uint64_t, std::size_t> count;
  std::size_t others = 0;
  for (const FleetNode& other : node.fleet.nodes) {
    if (other.id == node.config.node.id || other.digest == 0) continue;
    ++others;
    ++count[other.digest];
  }
  for (const auto& [digest, nodes] : count)
    if (2 * nodes > others) return digest;
  return std::nullopt;
}

std::uint64_t vip_packets(const Node& node) {
  std::uint64_t sum = 0;
  for (const fl_worker_page& page : api::pages(node.regions.worker_pages()))
    for (const auto& vip : page.vips) sum += vip.packets;
  return sum;
}

// In the runtime directory: it does not outlive the host.
std::string mark_of(const Node& node) {
  return announced_mark(node.regions.dir);
}

void mark(const Node& node, bool announced) {
  std::error_code ignored;  // without it a restart joins as a new node does
  if (!announced) {
    std::filesystem::remove(mark_of(node), ignored);
    return;
  }
  std::ofstream(mark_of(node)).flush();
}

bool took_traffic(const Node& node, base::Nanoseconds now) {
  std::error_code ignored;
  return std::filesystem::exists(mark_of(node), ignored) && node.publisher.generation() != 0 &&
         dataplane_sign(node.regions.worker_pages(), now).running;
}

bool reaches_any(const Node& node) {
  const auto& checks = node.checks.all();
  return checks.empty() || std::any_of(checks.begin(), checks.end(), [](const auto& row) {
           return row.second.judge.state() != health::State::kDown;
         });
}

void tell(Node& node, const std::string& before) {
  RouteState& routes = node.routes;
  api::Event event;
  event.kind = "dataplane";
  event.what = routes.why.empty() ? "takes traffic" : "takes no traffic";
  event.cause = routes.why.empty() ? "after: " + before : routes.why;
  sys::log_info(
      "node " + event.what + (routes.why.empty() ? "" : " reason=\"" + routes.why + "\"")
  );
  node.happenings.tell(std::move(event));
}

}  // namespace

void RouteWatch::start(Node& node, std::function<void()> wake) {
  const config::Routes& c = node.config.routes;
  routes::Fitness::Limits limits;
  limits.p99 = c.p99_limit;
  fitness_.emplace(limits);
  if (took_traffic(node, sys::monotonic_ns())) fitness_->go_on();
  node.routes.configured = !c.bird.empty() || !c.hook.empty();
  if (!node.routes.configured) return;
  announcer_ = std::make_unique<routes::Announcer>(
      routes::Announcer::Settings{c.bird, c.protocol, c.hook, node.config.node.id}, std::move(wake)
  );
}

routes::Signs RouteWatch::signs_of(const Node& node, base::Nanoseconds now) const {
  routes::Signs s;
  const bool heard = !node.fleet.configured || node.fleet.choice.last() != 0;
  const bool known = !node.store || node.store->state().known;
  s.has_state = (heard && known) || now >= node.started + kWaitForState;
  s.has_tables = node.publisher.generation() != 0;
  const auto digest = others_digest(node);
  const bool fresh = node.fleet.configured && !node.fleet.choice.silent(now);
  s.agrees = !fresh || !digest || own_.had(*digest);
  s.forwards = dataplane_sign(node.regions.worker_pages(), now).running || node.gate.has_value();
  const steer::Latency& latency = node.latency.node();
  if (latency.samples > 0) s.p99_us = latency.p99_ns / 1e3;
  s.reaches = reaches_any(node);
  s.withdrawn = node.operators.withdrawn;
  s.leaving = node.routes.leaving;
  std::size_t serving = 0;
  for (const FleetNode& other : node.fleet.nodes) {
    if (other.id == node.config.node.id || !other.announced) continue;
    ++serving;
    s.slowest = s.slowest && other.forward_p99_us <= s.p99_us;
  }
  s.may_go = 2 * serving > node.fleet.nodes.size();
  return s;
}

bool RouteWatch::tick(Node& node, base::Nanoseconds now) {
  if (now < due_) return false;
  due_ = now + kLook;
  RouteState& routes = node.routes;
  own_.see(node.publisher.table().digest(), now);
  const std::string& why = fitness_->judge(signs_of(node, now), now);
  if (announcer_) {
    why.empty() ? announcer_->announce() : announcer_->withdraw(why);
    const routes::Announcer::State told = announcer_->state();
    routes.announced = told.known && told.announced;
    routes.error = told.error;
  } else {
    routes.announced = why.empty();
  }
  if (why != routes.why || routes.since == 0) {
    const bool turned = why.empty() != routes.why.empty() || routes.since == 0;
    const std::string before = std::exchange(routes.why, why);
    if (turned) {
      routes.since = now;
      mark(node, why.empty());
    }
    if (routes.configured) tell(node, before);
  }
  return routes.leaving && has_left(node, now);
}

// Routers take a moment, and flows that are open here go on through other nodes.
bool RouteWatch::has_left(Node& node, base::Nanoseconds now) {
  const std::uint64_t packets = vip_packets(node);
  if (quiet_at_ == 0 || packets != packets_ || node.routes.announced) quiet_at_ = now;
  packets_ = packets;
  const bool quiet = now >= quiet_at_ + kQuiet;
  if (!quiet && now < node.routes.leave_by) return false;
  sys::log_info(quiet ? "left: no traffic comes any more" : "left: the time is over");
  return true;
}

Answer change_routes(Node& node, const api::Request& r, base::Nanoseconds now) {
  const bool withdraws = r.command != api::Command::kAnnounceNode;
  if (r.command == api::Command::kLeaveNode) {
    node.routes.leaving = true;
    node.routes.leave_by = now + r.deadline.value_or(kLeaveWithin);
    sys::log_info("operator: the node leaves");
    return Json{{"node", node.config.node.id}, {"leaving", true}};
  }
  const bool changed = node.operators.withdrawn != withdraws;
  if (changed) {
    OperatorState next = node.operators;
    next.withdrawn = withdraws;
    FL_TRY(decide(node, std::move(next)));
    sys::log_info(withdraws ? "operator withdrew the node" : "operator announced the node");
  }
  node.routes.leaving = false;
  return Json{{"node", node.config.node.id}, {"changed", changed}, {"withdrawn", withdraws}};
}

Json show_routes(const Node& node, base::Nanoseconds now) {
  const RouteState& r = node.routes;
  Json out{
      {"told", r.configured},
      {"announced", r.announced},
      {"state", r.why.empty() ? std::string("serving") : r.why},
      {"since_s", r.since == 0 ? 0.0 : static_cast<double>(now - r.since) / 1e9}};
  if (!r.error.empty()) out["error"] = r.error;
  return out;
}

}  // namespace fairlead::control
