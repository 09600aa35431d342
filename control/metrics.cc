// SPDX-License-Identifier: BSD-3-Clause
// Collecting metrics at the moment they are asked for; with metrics_page.hh all that knows
// prometheus-cpp.
#include "control/metrics.hh"

#include <exception>

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include "control/api/counters.hh"
#include "control/metrics_fleet.hh"
#include "control/metrics_page.hh"
#include "control/metrics_plane.hh"
#include "control/metrics_workers.hh"
#include "control/model/names.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

using Page = MetricsPage;
using Labels = MetricsPage::Labels;
using prometheus::MetricFamily;

void timing(Page& page, const char* name, const char* help, const Timing& t) {
  page.gauge(name, help, {{"of", "last"}}, base::seconds(t.last));
  page.gauge(name, help, {{"of", "max"}}, base::seconds(t.longest));
  page.gauge(
      name, help, {{"of", "mean"}}, t.count == 0 ? 0 : base::seconds(t.sum) / number(t.count)
  );
}

void add_node(Page& page, Node& node, base::Nanoseconds now) {
  page.gauge(
      "fairlead_up_seconds",
      "Time since fairlead-control started",
      {},
      base::seconds(now - node.started)
  );
  page.gauge(
      "fairlead_generation",
      "Generation of tables in force",
      {},
      number(node.publisher.generation())
  );
  page.gauge(
      "fairlead_generation_acknowledged",
      "Lowest generation acknowledged by a worker",
      {},
      number(node.publisher.acknowledged(now))
  );
  // A double holds 53 bits: enough to see whether two nodes agree.
  page.gauge(
      "fairlead_table_digest",
      "Low 48 bits of the digest of all tables; equal on nodes that agree",
      {},
      number(node.publisher.table().digest() & 0xffffffffffffULL)
  );
  page.counter(
      "fairlead_slots_moved_total",
      "Slots that changed their backend",
      {},
      number(node.publisher.slots_moved())
  );
  timing(
      page,
      "fairlead_decision_to_publish_seconds",
      "From seeing a reason to publishing",
      node.publisher.decision_to_publish()
  );
  timing(
      page,
      "fairlead_publish_to_acknowledge_seconds",
      "From publishing to the last worker's "
      "acknowledgement",
      node.publisher.publish_to_acknowledge()
  );
  timing(
      page,
      "fairlead_decision_to_acknowledge_seconds",
      "From seeing a reason to the last worker's acknowledgement of the new tables",
      node.publisher.decision_to_acknowledge()
  );
  page.gauge("fairlead_weights_frozen", "1: by an operator", {}, node.operators.frozen ? 1 : 0);
  page.gauge(
      "fairlead_measurements_lost",
      "1: a policy has lost all its reports",
      {},
      node.weights.any_frozen() ? 1 : 0
  );
  page.counter(
      "fairlead_health_transitions_total",
      "Backends that went up or down",
      {},
      number(node.transitions)
  );
  page.counter(
      "fairlead_reloads_total", "Configurations taken", {{"result", "taken"}}, number(node.reloads)
  );
  page.counter(
      "fairlead_reloads_total",
      "Configurations taken",
      {{"result", "refused"}},
      number(node.reloads_refused)
  );
  page.counter(
      "fairlead_publish_errors_total",
      "Generations that could not be made",
      {},
      number(node.publish_errors)
  );
  page.counter(
      "fairlead_reports_accepted_total", "Load reports believed", {}, number(node.intake.accepted())
  );
  for (std::size_t r = 1; r < monitor::kRefusals; ++r) {
    page.counter(
        "fairlead_reports_refused_total",
        "Load reports not believed",
        {{"reason", std::string(to_string(static_cast<monitor::Refusal>(r)))}},
        number(node.intake.refused()[r])
    );
  }
}

void add_backend(Page& page, const Node& node, const std::string& id, base::Nanoseconds now) {
  const Labels labels{{"backend", id}};
  if (const auto n = node.publisher.steering().backend_number(id)) {
    const auto sum = api::backend_sum(node.regions.worker_pages(), *n);
    page.counter(
        "fairlead_backend_packets_total", "Packets sent to a backend", labels, number(sum.packets)
    );
    page.counter(
        "fairlead_backend_bytes_total", "Bytes sent to a backend", labels, number(sum.bytes)
    );
    page.counter("fairlead_backend_flows_total", "Flows begun", labels, number(sum.flows_begun));
    page.counter(
        "fairlead_backend_handshakes_total",
        "Handshakes completed",
        labels,
        number(sum.flows_completed)
    );
    page.gauge("fairlead_backend_in_flight", "Flows open now", labels, number(sum.in_flight));
    page.counter(
        "fairlead_backend_ejections_total", "Passive ejections", labels, number(sum.ejections)
    );
    page.gauge(
        "fairlead_backend_ejected_by", "Workers that leave it out now", labels, sum.ejected_by
    );
  }
  for (const auto& origin : node.intake.origins(id)) {
    for (const bool taken : {true, false}) {
      page.counter(
          "fairlead_backend_reports_total",
          "Load reports by origin",
          {{"backend", id},
           {"origin", std::string(to_string(origin.origin))},
           {"result", taken ? "accepted" : "refused"}},
          number(taken ? origin.accepted : origin.refused)
      );
    }
  }
  for (const auto& [counter, packets] : node.intake.tunnel(id)) {
    page.counter(
        "fairlead_backend_tunnel_packets_total",
        "Seen by the backend's agent, by what became of them",
        {{"backend", id}, {"counter", counter}},
        number(packets)
    );
  }
  if (const auto report = node.intake.peek(id)) {
    const auto told = [&](std::uint32_t what, const char* name, double value) {
      if ((report->untold & what) == 0) page.gauge(name, "As reported", labels, value);
    };
    told(monitor::kCpuUntold, "fairlead_backend_cpu_ratio", report->cpu);
    told(monitor::kMemoryUntold, "fairlead_backend_memory_ratio", report->memory);
    told(monitor::kActiveUntold, "fairlead_backend_active_connections", report->active);
    if (report->latency_us > 0) {
      page.gauge(
          "fairlead_backend_latency_seconds", "As reported", labels, report->latency_us / 1e6
      );
    }
    page.gauge(
        "fairlead_backend_report_age_seconds",
        "Since the last believed report",
        labels,
        base::seconds(now - report->received_ns)
    );
  }
}

/// What `show stats vip` shows, under the same names.
void add_vip_by_worker(Page& page, const Node& node, const std::string& name, std::uint32_t vip) {
  unsigned index = 0;
  for (const fl_worker_page& worker : api::pages(node.regions.worker_pages())) {
    const Labels labels{{"vip", name}, {"worker", std::to_string(index++)}};
    for (const auto& [counter, value] : api::counters_of(worker.vips[vip])) {
      const std::string metric = "fairlead_vip_worker_" + std::string(counter) + "_total";
      page.counter(metric.c_str(), "See struct fl_vip_counters", labels, number(value));
    }
  }
}

void add_pools(Page& page, const Node& node, base::Nanoseconds now) {
  std::set<std::string> ids;
  for (const model::Vip& vip : node.config.vips) {
    const Labels labels{{"vip", vip.name}};
    page.gauge(
        "fairlead_vip_disabled",
        "1: takes no new flows by an operator's will",
        labels,
        node.operators.disabled.count(vip.name) > 0 ? 1 : 0
    );
    if (const auto n = node.publisher.steering().vip_number(vip.name)) {
      const auto sum = api::vip_sum(node.regions.worker_pages(), *n);
      page.counter("fairlead_vip_packets_total", "Packets of a vip", labels, number(sum.packets));
      page.counter("fairlead_vip_bytes_total", "Bytes of a vip", labels, number(sum.bytes));
      page.counter("fairlead_vip_flows_total", "Flows begun", labels, number(sum.inserts));
      page.counter(
          "fairlead_vip_dropped_total", "Packets of a vip dropped", labels, number(sum.dropped)
      );
      page.gauge("fairlead_vip_flow_entries", "Entries now", labels, number(api::flows_of(sum)));
      add_vip_by_worker(page, node, vip.name, *n);
    }
    for (const model::Backend& backend : vip.backends) {
      const Labels member{{"vip", vip.name}, {"backend", backend.id}};
      const auto& check = node.checks.all().at({vip.name, backend.id});
      page.gauge(
          "fairlead_backend_up",
          "1: healthy; unknown counts as 0",
          member,
          node.checks.state(vip.name, backend.id) == health::State::kUp ? 1 : 0
      );
      page.counter(
          "fairlead_backend_flaps_total", "Changes of health", member, number(check.judge.flaps())
      );
      page.counter("fairlead_backend_probes_total", "Probes", member, number(check.probes));
      page.counter(
          "fairlead_backend_probe_failures_total", "Failed probes", member, number(check.failures)
      );
      const auto* weight = node.weights.find(vip.name, backend.id);
      if (weight != nullptr) {
        page.gauge("fairlead_backend_weight", "Weight by the policy", member, weight->weight);
      }
      ids.insert(backend.id);
    }
  }
  for (const std::string& id : ids) add_backend(page, node, id, now);
}

class Collector final : public prometheus::Collectable {
 public:
  explicit Collector(Metrics::WithNode with_node) : with_node_(std::move(with_node)) {}
  [[nodiscard]] std::vector<MetricFamily> Collect() const override {
    Page page;
    with_node_([&page](Node& node) {
      const base::Nanoseconds now = sys::monotonic_ns();
      add_node(page, node, now);
      add_workers(page, node);
      add_ports(page, node, now);
      add_pools(page, node, now);
      add_plane(page, node, now);
      add_fleet(page, node, now);
    });
    return page.take();
  }

 private:
  Metrics::WithNode with_node_;
};

class ExposedMetrics final : public Metrics {
 public:
  ExposedMetrics(const std::string& listen, WithNode with_node)
      : collector_(std::make_shared<Collector>(std::move(with_node))), exposer_(listen, 1) {
    exposer_.RegisterCollectable(collector_);
  }

 private:
  std::shared_ptr<Collector> collector_;
  prometheus::Exposer exposer_;
};

}  // namespace

base::Result<std::unique_ptr<Metrics>> Metrics::start(
    const std::string& listen, WithNode with_node
) {
  try {
    return std::unique_ptr<Metrics>(std::make_unique<ExposedMetrics>(listen, std::move(with_node)));
  } catch (const std::exception&) {
    return base::fail(
        base::ErrorCode::kUnavailable,
        "metrics.listen: cannot listen on " + listen +
            ", the port is taken or the address is not of this host"
    );
  }
}

}  // namespace fairlead::control
