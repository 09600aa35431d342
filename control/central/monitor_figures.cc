// SPDX-License-Identifier: BSD-3-Clause
// What the monitor tells Prometheus. On the exposer's threads.
#include "control/central/monitor.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::central {
namespace {

double number(std::uint64_t value) {
  return static_cast<double>(value);
}

void add_datagrams(control::MetricsPage& page, const exchange::Server::Figures& f) {
  for (const auto& [result, count] :
       {std::pair{"answered", f.answered},
        std::pair{"malformed", f.malformed},
        std::pair{"old", f.old},
        std::pair{"refused", f.refused}}) {
    page.counter(
        "fairlead_monitor_datagrams_total",
        "Of the exchange of counts, by what became of them",
        {{"result", result}},
        number(count)
    );
  }
  page.gauge("fairlead_monitor_nodes_counting", "In the exchange now", {}, number(f.nodes));
}

}  // namespace

void Monitor::fill(control::MetricsPage& page) {
  const auto lead = leadership_ ? leadership_->look() : Leadership::View{};
  page.gauge("fairlead_monitor_leads", "1: it publishes updates", {}, lead.leads ? 1 : 0);
  page.gauge("fairlead_monitor_term", "Of the leader it knows", {}, number(lead.term));
  page.gauge(
      "fairlead_monitor_weights_generation",
      "Of the weights it publishes; 0: it publishes none",
      {},
      number(generation_shown_.load())
  );
  page.gauge("fairlead_monitor_nodes_watching", "Open streams", {}, number(watch_->watching()));
  page.counter("fairlead_monitor_updates_total", "Published", {}, number(updates_shown_.load()));
  if (store_) {
    const fleet::Store::State state = store_->state();
    page.gauge("fairlead_monitor_etcd_away", "1: etcd does not answer", {}, state.away ? 1 : 0);
  }
  page.counter("fairlead_monitor_cpu_seconds_total", "Of this process", {}, cpu_seconds());
  add_datagrams(page, exchange_->figures());
  const std::lock_guard lock(mutex_);
  page.counter(
      "fairlead_monitor_reports_total", "Of agents, believed", {}, number(intake_.accepted())
  );
  page.gauge(
      "fairlead_monitor_agents",
      "That reported within 3 s",
      {},
      number(intake_.reporting(sys::monotonic_ns(), 3 * base::kSecond))
  );
}

}  // namespace fairlead::central
