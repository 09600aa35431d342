// SPDX-License-Identifier: BSD-3-Clause
#include "control/metrics_plane.hh"

#include "control/api/counters.hh"
#include "control/regions.hh"
#include "dataplane/steer/handover.h"

namespace fairlead::control {
namespace {

using Page = MetricsPage;
using Labels = MetricsPage::Labels;

void add_held_back(Page& page, const Node& node, base::Nanoseconds now) {
  for (const HeldBack& held : node.held_back) {
    const Labels labels{{"worker", std::to_string(held.holder.worker)}};
    page.gauge(
        "fairlead_worker_behind_seconds",
        "How long a worker has kept a generation that is not the newest; absent: it is not behind",
        labels,
        base::seconds(now - held.since)
    );
    page.gauge(
        "fairlead_worker_keeps_generation",
        "The generation that a worker keeps although a newer one is in force",
        labels,
        number(held.holder.generation)
    );
  }
  page.gauge(
      "fairlead_change_waits_seconds",
      "How long a change has waited because workers keep every bank; 0: none does",
      {},
      node.waits_since == 0 ? 0 : base::seconds(now - node.waits_since)
  );
}

void add_gate(Page& page, const Node& node) {
  if (!node.gate) return;
  const auto counters = node.gate->counters();
  if (!counters) return;
  for (const ebpf::XdpCounter& c : *counters) {
    page.counter(
        "fairlead_gate_packets_total",
        "Frames seen by the XDP gate",
        {{"verdict", std::string(c.name)}},
        number(c.packets)
    );
  }
  page.counter(
      "fairlead_gate_lost_in_socket_total",
      "Packets redirected to a data plane that ended before it received them, since control began",
      {},
      number(node.lost_in_socket)
  );
  const bool native = node.gate->mode() == ebpf::AttachMode::kNative;
  page.gauge("fairlead_gate_native", "1: in the driver; 0: behind it", {}, native ? 1 : 0);
  const auto workers = api::pages(node.regions.worker_pages());
  for (std::size_t w = 0; w < workers.size(); ++w) {
    const fl_sign& sign = *fl_sign_of(&workers[w]);
    const Labels labels = {{"worker", std::to_string(w)}};
    const double forwards = sign.owner == FL_OWNER_GATE ? 1 : 0;
    page.gauge("fairlead_gate_forwards", "1: the gate stands in for it", labels, forwards);
    page.counter(
        "fairlead_gate_forwarded_packets_total",
        "Packets of vips that the gate handled itself",
        labels,
        number(sign.gate_packets)
    );
  }
}

}  // namespace

void add_plane(MetricsPage& page, const Node& node, base::Nanoseconds now) {
  const DataplaneSign plane = dataplane_sign(node.regions.worker_pages(), now);
  page.gauge(
      "fairlead_dataplane_up",
      "1: a worker gave a sign of life in the last second",
      {},
      plane.running ? 1 : 0
  );
  add_held_back(page, node, now);
  add_gate(page, node);
}

}  // namespace fairlead::control
