// SPDX-License-Identifier: BSD-3-Clause
// What the console says of workers: a row each, and all that one of them counts.
#include <string>
#include <vector>

#include "dataplane/balance.hh"
#include "dataplane/forward.hh"
#include "dataplane/numa.hh"
#include "dataplane/steer/verdict.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

using nlohmann::json;

/// Queues of one port that a worker serves, as text: "0,2".
std::string queues_of(const Station& station, unsigned worker) {
  std::string text;
  for (const unsigned q : items_of(station.owners, worker)) {
    text += (text.empty() ? "" : ",") + std::to_string(q);
  }
  return text;
}

/// Null for what a second without packets cannot tell.
json known(bool is_known, double value) {
  return is_known ? json(value) : json(nullptr);
}

json row_of(const Forwarder& f, unsigned w) {
  const fl_worker_page& page = f.crew->worker(w).page();
  const Pulse& pulse = f.crew->pulse(w);
  std::string ports;
  for (const auto& station : f.stations) {
    const std::string queues = queues_of(*station, w);
    if (queues.empty()) continue;
    ports += (ports.empty() ? "" : " ") + std::to_string(station->number) + ":" + queues;
  }
  return {
      {"worker", w},
      {"core", page.core},
      {"socket", socket_of_core(page.core)},
      {"role", "worker"},
      {"forwards", who_forwards(f, {w})},
      {"queues", ports},
      {"busy", pulse.busy_share()},
      {"busy_cycles", page.busy_cycles},
      {"idle_cycles", page.idle_cycles},
      {"pps", pulse.pps()},
      {"cycles_per_packet", known(pulse.pps() > 0, pulse.cycles_per_packet())},
      {"latency_p50_us", known(pulse.latency().samples != 0, pulse.latency().p50_ns / 1e3)},
      {"latency_p99_us", known(pulse.latency().samples != 0, pulse.latency().p99_ns / 1e3)},
      {"flows", page.flows},
      {"inherited", page.flow_events[FL_EVENT_INHERITED]},
      {"generation", page.ack},
  };
}

json queue_rows(const Forwarder& f, unsigned worker) {
  json out = json::array();
  for (const auto& station : f.stations) {
    for (const unsigned q : items_of(station->owners, worker))
      out.push_back({{"port", station->number}, {"device", station->port.device()}, {"queue", q}});
  }
  return out;
}

json reason_rows(const fl_worker_page& page) {
  json out = json::array();
  for (unsigned r = 1; r < FL_REASON_COUNT; ++r) {
    if (page.drops[r] + page.punts[r] + page.answers[r] == 0) continue;
    out.push_back(
        {{"name", steer::reason_name(static_cast<fl_reason>(r))},
         {"drops", page.drops[r]},
         {"punts", page.punts[r]},
         {"answers", page.answers[r]}}
    );
  }
  return out;
}

/// What the row has no room for. Counters are the page's: since the node's regions were made.
void add_detail(const Forwarder& f, unsigned worker, json& row) {
  const fl_worker_page& page = f.crew->worker(worker).page();
  std::uint64_t dropped = 0;
  for (const std::uint64_t drops : page.drops) dropped += drops;
  row["uptime_s"] = (sys::monotonic_ns() - page.started_ns) / base::kSecond;
  row["counters"] = {
      {"rx_packets", page.rx_packets},
      {"rx_bytes", page.rx_bytes},
      {"tx_packets", page.tx_packets},
      {"tx_bytes", page.tx_bytes},
      {"punted", page.punted},
      {"answered", page.answered},
      {"dropped", dropped},
      {"bursts", page.bursts},
      {"flood_bursts", page.flood_bursts},
      {"flow_hits", page.flow_hits},
      {"flow_misses", page.flow_misses},
      {"flow_inserts", page.flow_inserts},
      {"flow_inserts_refused", page.flow_inserts_refused},
      {"icmp_errors", page.icmp_errors},
      {"fragments_first", page.fragments_first},
      {"fragments_later", page.fragments_later},
      {"fragments_waited", page.fragments_waited},
      {"quic_named", page.quic_named},
      {"quic_moved", page.quic_moved},
      {"hop_lists", page.hop_lists},
      {"mss_clamped", page.mss_clamped},
      {"generations_seen", page.generations_seen},
  };
  row["packets_per_burst"] = known(
      page.bursts > 0, static_cast<double>(page.rx_packets) / static_cast<double>(page.bursts)
  );
  row["queue_list"] = queue_rows(f, worker);
  row["reasons"] = reason_rows(page);
}

}  // namespace

base::Result<json> show_core(const Forwarder& f, const json& arguments) {
  const unsigned running = f.crew->running();
  json cores = json::array();
  if (arguments.contains("worker")) {
    const auto wanted = arguments["worker"].get<std::uint64_t>();
    if (wanted >= running) {
      return base::fail(
          base::ErrorCode::kNotFound,
          "no worker " + std::to_string(wanted) + " runs, " +
              (running == 0 ? "none does" : "they are 0 to " + std::to_string(running - 1))
      );
    }
    json row = row_of(f, static_cast<unsigned>(wanted));
    add_detail(f, static_cast<unsigned>(wanted), row);
    cores.push_back(std::move(row));
    return json{{"cores", std::move(cores)}};
  }
  for (unsigned w = 0; w < running; ++w) cores.push_back(row_of(f, w));
  if (cores.empty()) return json{{"cores", cores}, {"forwards", who_forwards(f, {})}};
  return json{{"cores", cores}};
}

}  // namespace fairlead::dataplane
