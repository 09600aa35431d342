// SPDX-License-Identifier: BSD-3-Clause
// The workers' pages and the ports' as metrics.
#include "control/metrics_workers.hh"

#include <limits>

#include "control/api/counters.hh"
#include "dataplane/steer/verdict.hh"

namespace fairlead::control {
namespace {

using Page = MetricsPage;
using Labels = MetricsPage::Labels;

// 1.024 us to 16.8 ms, a factor of two each: bounds that are bounds of the pages' buckets too, of
// which there are four in each of these.
constexpr unsigned kLeastLog2 = 10;
constexpr unsigned kMostLog2 = 24;

Page::Histogram forwarding_latency(const fl_workers& workers) {
  const steer::LatencyCounts counts = api::latency_counts(workers);
  const steer::Latency all = steer::summarize(counts);
  Page::Histogram out;
  out.sample_count = all.samples;
  out.sample_sum = all.mean_ns * number(all.samples) / 1e9;
  std::uint64_t below = 0;
  std::uint32_t b = 0;
  for (unsigned log2 = kLeastLog2; log2 <= kMostLog2; ++log2) {
    const std::uint64_t bound = std::uint64_t{1} << log2;
    for (; steer::latency_bucket_floor(b) < bound; ++b) below += counts[b];
    out.bucket.push_back({below, static_cast<double>(bound) / 1e9});
  }
  out.bucket.push_back({all.samples, std::numeric_limits<double>::infinity()});
  return out;
}

void latencies(Page& page, const steer::Latency& latency, const Labels& whose) {
  if (latency.samples == 0) return;  // a second without packets has no latency
  const auto add = [&](const char* of, double ns) {
    Labels labels = whose;
    labels.push_back({"of", of});
    page.gauge(
        whose.empty() ? "fairlead_node_latency_seconds" : "fairlead_worker_latency_seconds",
        "Time of a packet in the node, of the last second",
        labels,
        ns / 1e9
    );
  };
  add("p50", latency.p50_ns);
  add("p99", latency.p99_ns);
  add("mean", latency.mean_ns);
}

}  // namespace

void add_workers(Page& page, const Node& node) {
  const fl_workers& workers = node.regions.worker_pages();
  unsigned index = 0;
  for (const fl_worker_page& worker : api::pages(workers)) {
    const Labels labels{{"worker", std::to_string(index++)}};
    for (const api::NamedCounter& c : api::counters_of(worker)) {
      const std::string name = "fairlead_worker_" + std::string(c.name);
      if (c.name == "flows") {  // entries now: a flush takes some away
        page.gauge(name.c_str(), "Entries of the flow table now", labels, number(c.value));
        continue;
      }
      page.counter((name + "_total").c_str(), "See struct fl_worker_page", labels, number(c.value));
    }
    page.gauge(
        "fairlead_worker_residue",
        "rx - tx - punted - answered - dropped: must be 0 between bursts",
        labels,
        static_cast<double>(api::residue(worker))
    );
    for (unsigned r = 1; r < FL_REASON_COUNT; ++r) {
      Labels reason = labels;
      reason.push_back({"reason", std::string(steer::reason_name(static_cast<fl_reason>(r)))});
      page.counter("fairlead_drops_total", "Packets dropped", reason, number(worker.drops[r]));
      page.counter(
          "fairlead_punts_total", "Packets given to the kernel", reason, number(worker.punts[r])
      );
      page.counter(
          "fairlead_answers_total", "Packets answered by ICMP", reason, number(worker.answers[r])
      );
    }
  }
  page.histogram(
      "fairlead_forwarding_latency_seconds",
      "Time of packets in the node, of all workers; the sum by the middles of finer buckets, 12 % "
      "off "
      "at most",
      forwarding_latency(workers)
  );
  latencies(page, node.latency.node(), {});
  for (unsigned w = 0; w < index; ++w) {
    latencies(page, node.latency.worker(w), {{"worker", std::to_string(w)}});
  }
}

void add_ports(Page& page, const Node& node, base::Nanoseconds now) {
  static constexpr const char* kSteering[] = {"one-queue", "device", "rss", "rules"};
  const fl_workers& workers = node.regions.worker_pages();
  for (unsigned p = 0; p < FL_MAX_PORTS; ++p) {
    const fl_port_page& port = workers.port[p];
    const std::uint64_t updated = __atomic_load_n(&port.updated_ns, __ATOMIC_ACQUIRE);
    if (updated == 0 || now - updated > 10 * base::kSecond) continue;
    const Labels labels{{"port", std::to_string(p)}};
    const auto count = [&](const char* name, const char* help, std::uint64_t value) {
      page.counter(name, help, labels, number(value));
    };
    count("fairlead_port_rx_packets_total", "Packets received", port.rx_packets);
    count("fairlead_port_rx_bytes_total", "Bytes received", port.rx_bytes);
    count("fairlead_port_tx_packets_total", "Packets sent", port.tx_packets);
    count("fairlead_port_tx_bytes_total", "Bytes sent", port.tx_bytes);
    count("fairlead_port_missed_total", "Arrived, but the receive queue was full", port.missed);
    count("fairlead_port_errors_total", "Receive and transmit errors", port.errors);
    count("fairlead_port_no_buffer_total", "Arrived, but no buffer was free", port.no_buffer);
    count("fairlead_port_stalls_total", "Times that reception stood still", port.stalls);
    count("fairlead_port_link_changes_total", "Link up to down and back", port.link_changes);
    page.gauge("fairlead_port_up", "1: link is up", labels, port.link_up);
    page.gauge("fairlead_port_queues", "Queue pairs", labels, port.queues);
    page.gauge("fairlead_port_rules", "Vips with a rule in the device", labels, port.rules);
    Labels steering = labels;
    steering.push_back({"by", port.steering < 4 ? kSteering[port.steering] : "unknown"});
    page.gauge("fairlead_port_steering", "1: what brings packets to queues", steering, 1);
  }
}

}  // namespace fairlead::control
