// SPDX-License-Identifier: BSD-3-Clause
// The node, its data plane, its counters and its memory as JSON.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <set>

#include "control/api/counters.hh"
#include "control/api/flow_answers.hh"
#include "control/held_back.hh"
#include "control/model/names.hh"
#include "control/plane_watch.hh"
#include "control/route_watch.hh"
#include "control/shared_state.hh"
#include "control/show.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/shm/process_state.hh"
#include "dataplane/steer/handover.h"
#include "dataplane/steer/verdict.hh"
#include "dataplane/sys/log.hh"

// jemalloc's; weak, because sanitizer builds have another allocator.
extern "C" int mallctl(const char*, void*, size_t*, void*, size_t) __attribute__((weak));

namespace fairlead::control {
namespace {

constexpr base::Nanoseconds kReporting = 3 * base::kSecond;

Json timing(const Timing& t) {
  const auto ms = [](base::Nanoseconds ns) { return static_cast<double>(ns) / 1e6; };
  return Json{
      {"count", t.count},
      {"last", ms(t.last)},
      {"max", ms(t.longest)},
      {"mean", t.count == 0 ? 0.0 : ms(t.sum) / static_cast<double>(t.count)},
  };
}

Json latency_us(const steer::Latency& latency) {
  if (latency.samples == 0) return Json::object();
  return Json{
      {"p50", latency.p50_ns / 1e3},
      {"p99", latency.p99_ns / 1e3},
      {"mean", latency.mean_ns / 1e3}};
}

Json worker_row(
    unsigned worker, const fl_worker_page& page, const std::vector<api::NamedCounter>& counters
) {
  Json row{{"worker", worker}, {"core", page.core}};
  for (const api::NamedCounter& c : counters) row[std::string(c.name)] = c.value;
  row["residue"] = api::residue(page);
  return row;
}

std::uint64_t allocator_figure(const char* name) {
  std::size_t value = 0;
  std::size_t size = sizeof value;
  return mallctl != nullptr && mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

Json region_row(const std::string& name, const shm::Region& region) {
  static constexpr const char* kKinds[] = {"none", "steering", "scores", "workers", "flows"};
  const auto kind = region.header().kind;
  return Json{
      {"name", name}, {"kind", kind < 5 ? kKinds[kind] : "unknown"}, {"bytes", region.bytes()}};
}

// Backends that are up in every vip that has them.
std::pair<std::size_t, std::size_t> backends_and_healthy(const Node& node) {
  std::set<std::string> all;
  std::set<std::string> unhealthy;
  for (const auto& [key, check] : node.checks.all()) {
    all.insert(key.second);
    if (node.checks.state(key.first, key.second) != health::State::kUp) {
      unhealthy.insert(key.second);
    }
  }
  return {all.size(), all.size() - unhealthy.size()};
}

}  // namespace

std::string hex64(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

namespace {

/// Which workers' queues the gate forwards for now, and how it came to that.
void show_turns(const fl_workers& workers, Json& gate) {
  std::uint64_t packets = 0;
  std::uint64_t gone = 0;
  std::uint64_t stale = 0;
  Json now = Json::array();
  const std::ptrdiff_t running = workers.workers_running;  // 0: none, or all are stopped
  for (const fl_worker_page& page : api::pages(workers)) {
    const std::ptrdiff_t number = &page - workers.worker;
    const fl_sign& sign = *fl_sign_of(&page);
    packets += sign.gate_packets;
    gone += sign.takeovers_gone;
    stale += sign.takeovers_stale;
    const bool serves = running == 0 || number < running;  // others are left over
    if (serves && sign.owner == FL_OWNER_GATE) now.push_back(number);
  }
  gate["forwards_for"] = now;
  gate["packets"] = packets;
  gate["takeovers_gone"] = gone;
  gate["takeovers_stale"] = stale;
}

/// Where it would send, and from where.
void show_hops(const ebpf::GateHops& hops, Json& gate) {
  gate["mtu"] = hops.mtu;
  if (!hops.own.is_zero()) gate["mac"] = hops.own.to_string();
  if (!hops.gateway4.is_zero()) gate["gateway4"] = hops.gateway4.to_string();
  if (!hops.gateway6.is_zero()) gate["gateway6"] = hops.gateway6.to_string();
}

Json show_dataplane(const Node& node, base::Nanoseconds now) {
  // Where there is a gate, who gives no sign for so long has lost its queues.
  const base::Nanoseconds patience = node.gate ? FL_HEARTBEAT_STALE_NS : base::kSecond;
  const DataplaneSign plane = dataplane_sign(node.regions.worker_pages(), now, patience);
  Json dataplane{
      {"running", plane.running},
      {"workers", plane.workers},
      {"generation_acknowledged", node.publisher.acknowledged(now)},
  };
  if (plane.pid != 0) {
    dataplane["pid"] = plane.pid;
    if (plane.heartbeat_age_ms) dataplane["heartbeat_age_ms"] = *plane.heartbeat_age_ms;
  }
  const std::string behind = who_holds_back(node, now);
  if (!behind.empty()) dataplane["behind"] = behind;
  if (node.waits_since != 0)
    dataplane["change_waits_s"] = static_cast<double>(now - node.waits_since) / 1e9;
  return dataplane;
}

/// Why the gate would not see at once that a worker has ended; "": it would.
std::string blind_to_exits(const Node& node) {
  const std::uint64_t here = shm::pid_namespace();
  const fl_workers& workers = node.regions.worker_pages();
  for (std::size_t w = 0; w < std::min<std::size_t>(workers.workers_running, FL_MAX_WORKERS); ++w) {
    const std::uint64_t there = *fl_namespace_of(&workers.worker[w]);
    if (there != 0 && there != here) return "the data plane runs in another pid namespace";
  }
  return node.gate->blind_to_exits();
}

Json show_gate(const Node& node, base::Nanoseconds now) {
  Json gate{
      {"interface", node.config.interface},
      {"mode", node.gate ? to_string(node.gate->mode()) : std::string_view("none")},
  };
  if (!node.gate_error.empty()) gate["error"] = node.gate_error;
  if (node.gate) {
    show_turns(node.regions.worker_pages(), gate);
    const std::string why = why_gate_forwards(node, now);
    if (!why.empty()) gate["forwards"] = why;
    gate["lost_in_socket"] = node.lost_in_socket;
    const std::string blind = blind_to_exits(node);
    if (!blind.empty()) gate["blind_to_exits"] = blind;
    show_hops(node.gate->hops(), gate);
  }
  return gate;
}

}  // namespace

Json show_status(const Node& node, base::Nanoseconds now) {
  const auto [backends, healthy] = backends_and_healthy(node);
  Json out{
      {"node", node.config.node.id},
      {"version", kVersion},
      {"uptime_s", static_cast<double>(now - node.started) / 1e9},
      {"generation", node.publisher.generation()},
      {"digest", hex64(node.publisher.table().digest())},
      {"policy", to_string(node.config.policy)},
      {"dataplane", show_dataplane(node, now)},
      {"gate", show_gate(node, now)},
      {"vips", node.config.vips.size()},
      {"backends", backends},
      {"healthy", healthy},
      {"agents", node.intake.reporting(now, kReporting)},
      {"frozen", node.operators.frozen},
      {"measurements_lost", node.weights.any_frozen()},
      {"decision_to_publish_ms", timing(node.publisher.decision_to_publish())},
      {"publish_to_acknowledge_ms", timing(node.publisher.publish_to_acknowledge())},
      {"decision_to_acknowledge_ms", timing(node.publisher.decision_to_acknowledge())},
  };
  if (node.exchange.running()) out["exchange"] = node.exchange.show();
  if (node.fleet.configured) {
    out["fleet"] = node.fleet.show(now);
    out["fleet"]["weights_generation"] = node.fleet_weights.generation;
    out["fleet"]["weights_term"] = node.fleet_weights.term;
  }
  if (node.store) out["etcd"] = show_store(node);
  out["routes"] = show_routes(node, now);
  out["reloads"] = {{"taken", node.reloads}, {"refused", node.reloads_refused}};
  if (!node.reload_error.empty()) out["reloads"]["error"] = base::message(node.reload_error);
  if (!node.last_error.empty()) out["error"] = node.last_error;
  if (!node.history_error.empty()) out["history_error"] = base::message(node.history_error);
  if (!node.decisions_error.empty()) out["decisions_error"] = base::message(node.decisions_error);
  return out;
}

namespace {

/// The answer, with the time since its counters were cleared if they ever were.
Json since_cleared(const Node& node, Json answer, base::Nanoseconds now) {
  if (node.cleared.taken() != 0)
    answer["cleared_s"] = static_cast<double>(now - node.cleared.taken()) / 1e9;
  return answer;
}

/// One row per worker, in the order of the struct.
Answer vip_stats(const Node& node, const api::Request& request, base::Nanoseconds now) {
  FL_ASSIGN(const std::uint32_t vip, api::vip_number(node.publisher.names(), *request.vip));
  Json rows = Json::array();
  unsigned worker = 0;
  for (const fl_worker_page& page : api::pages(node.regions.worker_pages())) {
    const unsigned number = worker++;
    if (request.worker && *request.worker != number) continue;
    Json row{{"vip", *request.vip}, {"worker", number}, {"flows", api::flows_of(page.vips[vip])}};
    for (const api::NamedCounter& c : node.cleared.vip(number, page, vip))
      row[std::string(c.name)] = c.value;
    rows.push_back(std::move(row));
  }
  Json out{{"vips", rows}};
  if (const base::Nanoseconds taken = node.cleared.vip_taken(vip); taken != 0)
    out["cleared_s"] = static_cast<double>(now - taken) / 1e9;
  return out;
}

}  // namespace

Answer show_stats(const Node& node, const api::Request& request, base::Nanoseconds now) {
  if (request.vip) {
    return vip_stats(node, request, now);
  }
  const fl_workers& workers = node.regions.worker_pages();
  Json rows = Json::array();
  unsigned worker = 0;
  std::map<std::string, std::uint64_t> total;
  for (const fl_worker_page& page : api::pages(workers)) {
    const unsigned w = worker++;
    if (request.worker && *request.worker != w) continue;
    const auto counters = node.cleared.worker(w, page);
    rows.push_back(worker_row(w, page, counters));
    rows.back()["latency_us"] = latency_us(node.latency.worker(w));
    for (const api::NamedCounter& c : counters) total[std::string(c.name)] += c.value;
  }
  Json events = Json::array();
  for (const api::FlowEvent& e : api::flow_events()) {
    events.push_back(
        {{"event", e.name}, {"count", total["flow_" + std::string(e.name)]}, {"text", e.text}}
    );
  }
  return since_cleared(
      node,
      Json{
          {"workers", rows},
          {"total", total},
          {"flow_events", events},
          {"node_latency_us", latency_us(node.latency.node())},
          {"node_latency_since_start_us", latency_us(api::latency(workers))}},
      now
  );
}

Answer clear_stats(Node& node, const api::Request& request, base::Nanoseconds now) {
  if (request.vip && request.backend)
    return base::invalid("clear stats: give a vip or a backend, not both");
  const fl_workers& workers = node.regions.worker_pages();
  std::string scope = "all";
  if (request.vip) {
    FL_ASSIGN(const std::uint32_t vip, api::vip_number(node.publisher.names(), *request.vip));
    node.cleared.take_vip(workers, vip, now);
    scope = "vip " + *request.vip;
  } else if (request.backend) {
    FL_ASSIGN(
        const std::uint32_t backend, api::backend_number(node.publisher.names(), *request.backend)
    );
    node.cleared.take_backend(workers, backend, now);
    scope = "backend " + *request.backend;
  } else {
    node.cleared.take(workers, node.lost_in_socket, now);
  }
  sys::log_info("operator cleared what is shown of " + scope);
  return Json{{"cleared_s", 0.0}};
}

Json show_drop(const Node& node, base::Nanoseconds now) {
  Json reasons = Json::array();
  const auto pages = api::pages(node.regions.worker_pages());
  for (unsigned r = 1; r < FL_REASON_COUNT; ++r) {
    StatsBaseline::Reason sum;
    unsigned worker = 0;
    for (const fl_worker_page& page : pages) {
      const StatsBaseline::Reason of_one = node.cleared.reason(worker++, page, r);
      sum.drops += of_one.drops;
      sum.punts += of_one.punts;
      sum.answers += of_one.answers;
    }
    const auto reason = static_cast<fl_reason>(r);
    reasons.push_back({
        {"name", steer::reason_name(reason)},
        {"text", steer::reason_text(reason)},
        {"drops", sum.drops},
        {"punts", sum.punts},
        {"answers", sum.answers},
    });
  }
  if (node.gate) {
    // In no worker's books: no worker received them.
    reasons.push_back(
        {{"name", "lost_in_socket"},
         {"text", "redirected to a data plane that ended before it received them"},
         {"drops", node.cleared.lost_in_socket(node.lost_in_socket)},
         {"punts", 0U},
         {"answers", 0U}}
    );
  }
  return since_cleared(node, Json{{"reasons", reasons}}, now);
}

Json show_memory(Node& node) {
  if (mallctl != nullptr) {
    // Statistics are a snapshot; this takes a new one.
    std::uint64_t epoch = 1;
    std::size_t size = sizeof epoch;
    (void)mallctl("epoch", &epoch, &size, &epoch, size);
  }
  const char* version = nullptr;
  std::size_t size = sizeof version;
  if (mallctl != nullptr) (void)mallctl("version", &version, &size, nullptr, 0);
  (void)flow_source(node, 0);  // maps what is there
  Json regions = Json::array();
  regions.push_back(region_row("steering", node.regions.steering));
  regions.push_back(region_row("scores", node.regions.scores));
  regions.push_back(region_row("workers", node.regions.workers));
  const auto& flows = node.flows.regions();
  for (std::size_t i = 0; i < flows.size(); ++i) {
    if (flows[i].valid()) regions.push_back(region_row("flows." + std::to_string(i), flows[i]));
  }
  return Json{
      {"allocator", version == nullptr ? "libc" : "jemalloc"},
      {"allocator_version", version == nullptr ? "" : version},
      {"allocated_bytes", allocator_figure("stats.allocated")},
      {"resident_bytes", allocator_figure("stats.resident")},
      {"regions", regions},
  };
}

}  // namespace fairlead::control
