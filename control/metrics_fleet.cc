// SPDX-License-Identifier: BSD-3-Clause
// Exchange and updates.
#include "control/metrics_fleet.hh"

namespace fairlead::control {
namespace {

void add_exchange(MetricsPage& page, const Node& node) {
  const exchange::Mirror::State s = node.exchange.state();
  page.gauge(
      "fairlead_exchange_fresh",
      "1: scores count what is in flight through other nodes",
      {},
      s.fresh ? 1 : 0
  );
  page.gauge("fairlead_exchange_nodes", "Nodes whose counts are known, this one too", {}, s.nodes);
  page.gauge(
      "fairlead_exchange_age_seconds", "Of the oldest count in use", {}, base::seconds(s.age)
  );
  page.gauge(
      "fairlead_exchange_loop_seconds",
      "From sending counts to the answer, of the last 1024",
      {{"of", "p50"}},
      base::seconds(s.loop_p50)
  );
  page.gauge("fairlead_exchange_loop_seconds", "", {{"of", "p99"}}, base::seconds(s.loop_p99));
  page.counter("fairlead_exchange_rounds_total", "Begun", {}, static_cast<double>(s.rounds));
  page.counter(
      "fairlead_exchange_answers_total", "Of all monitors", {}, static_cast<double>(s.answers)
  );
}

}  // namespace

void add_fleet(MetricsPage& page, const Node& node, base::Nanoseconds now) {
  if (node.exchange.running()) add_exchange(page, node);
  const FleetView& fleet = node.fleet;
  if (!fleet.configured) return;
  page.gauge(
      "fairlead_monitoring_fresh",
      "1: monitoring updates come",
      {},
      fleet.choice.silent(now) ? 0 : 1
  );
  page.gauge(
      "fairlead_monitoring_term",
      "Of the leader of the monitors; never falls",
      {},
      static_cast<double>(fleet.choice.term())
  );
  page.gauge(
      "fairlead_fleet_nodes",
      "That tell the monitor of themselves",
      {},
      static_cast<double>(fleet.nodes.size())
  );
  page.gauge(
      "fairlead_fleet_digests",
      "Different digests of tables among the nodes; 1: all agree",
      {},
      static_cast<double>(fleet.digests())
  );
  page.gauge(
      "fairlead_fleet_disagreement",
      "1: digests have been different for 3 s or longer",
      {},
      fleet.alarmed ? 1 : 0
  );
  for (const auto& [result, count] :
       {std::pair{"taken", fleet.taken},
        std::pair{"other_monitor", fleet.other_monitor},
        std::pair{"old_term", fleet.old_term}}) {
    page.counter(
        "fairlead_monitoring_updates_total",
        "Updates of monitors, by what became of them",
        {{"result", result}},
        static_cast<double>(count)
    );
  }
}

}  // namespace fairlead::control
