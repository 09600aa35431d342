// SPDX-License-Identifier: BSD-3-Clause
// From messages to the node's state and back.
#include "control/fleet_link.hh"

#include <algorithm>
#include <mutex>

#include "control/actions.hh"
#include "control/monitor/report_wire.hh"
#include "control/own_row.hh"
#include "control/take_weights.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

using Verdict = monitor::UpdateChoice::Verdict;

FleetNode node_of(const v1::NodeRow& row) {
  const v1::NodeReport& r = row.report();
  FleetNode node;
  node.id = r.node_id();
  node.generation = r.generation();
  node.digest = r.digest();
  node.weights_generation = r.weights_generation();
  node.announced = r.announced();
  node.state = r.state();
  node.packets = r.packets();
  node.flows = r.flows();
  node.forward_mean_us = r.forward_mean_us();
  node.forward_p50_us = r.forward_p50_us();
  node.forward_p99_us = r.forward_p99_us();
  node.dataplane = r.dataplane();
  node.down = {r.down().begin(), r.down().end()};
  node.age_ms = row.age_ms();
  return node;
}

// Agents say goodbye to monitors, so theirs is the word on who has left. True: something changed.
bool take_left(Node& node, const v1::MonitoringUpdate& update) {
  bool changed = false;
  for (const model::Vip& vip : node.config.vips) {
    for (const model::Backend& backend : vip.backends) {
      const auto& left = update.left();
      const bool gone = std::find(left.begin(), left.end(), backend.id) != left.end();
      if (gone == node.intake.has_left(backend.id)) continue;
      changed =
          (gone ? node.intake.leave(backend.id) : node.intake.come_back(backend.id)) || changed;
    }
  }
  return changed;
}

void tell_disagreement(const Node& node) {
  if (!node.fleet.alarmed) {
    sys::log_info("all nodes have the same tables again");
    return;
  }
  std::string text;
  for (const FleetNode& other : node.fleet.nodes)
    text += " " + other.id + "=" + std::to_string(other.generation);
  sys::log_error("nodes have different tables, compare `show status` on them; generations:" + text);
}

}  // namespace

FleetLink::FleetLink(
    Node& node,
    sys::UrgentMutex& lock,
    const monitor::Credentials& with,
    std::function<void()> changed
)
    : node_(node), lock_(lock), changed_(std::move(changed)) {
  const auto& monitors = node.config.monitoring.monitors;
  node.fleet.configured = !monitors.empty();
  node.fleet.choice.set_silent_after(
      3 * std::min(node.config.monitoring.interval, base::kSecond) + base::kSecond / 2
  );
  for (std::size_t i = 0; i < monitors.size(); ++i) {
    watchers_.push_back(std::make_unique<monitor::Watcher>(
        monitors[i],
        node.config.node.id,
        with,
        monitor::Watcher::Calls{
            [this, i](const v1::MonitoringUpdate& update) { take(i, update); },
            [this] { return report(); }}
    ));
  }
}

void FleetLink::look() {
  const bool hears = node_.exchange.fresh();
  if (hears && !hears_) {
    const base::Nanoseconds interval = std::min(node_.config.monitoring.interval, base::kSecond);
    for (const auto& watcher : watchers_) watcher->renew(interval + base::kSecond / 2);
  }
  hears_ = hears;
}

void FleetLink::take(std::size_t monitor, const v1::MonitoringUpdate& update) {
  const base::Nanoseconds now = sys::monotonic_ns();
  const std::uint64_t wall = sys::wall_us();
  const std::lock_guard guard(lock_);
  FleetView& fleet = node_.fleet;
  const Verdict verdict = fleet.choice.judge(monitor, update.term(), update.sequence(), now);
  if (verdict == Verdict::kOtherMonitor) ++fleet.other_monitor;
  if (verdict == Verdict::kOldTerm) ++fleet.old_term;
  if (verdict != Verdict::kTaken) return;
  ++fleet.taken;
  if (fleet.monitor != update.monitor()) {
    fleet.monitor = update.monitor();
    sys::log_info(
        "monitoring updates come from " + fleet.monitor + " term=" + std::to_string(update.term())
    );
  }
  for (const v1::LoadReport& window : update.windows())
    (void)node_.intake.accept(monitor::from_wire(window), now, wall);
  std::vector<FleetNode> rows;
  for (const v1::NodeRow& row : update.nodes()) rows.push_back(node_of(row));
  fleet.take(std::move(rows), now);
  if (fleet.look_at_digests(now)) tell_disagreement(node_);
  fleet.asked_weights = update.asks_weights();
  const bool weighed = take_fleet_weights(node_, update);
  const bool left = take_left(node_, update);
  if (left) persist(node_);
  if (left || weighed) changed_();
}

v1::NodeReport FleetLink::report() {
  const base::Nanoseconds now = sys::monotonic_ns();
  v1::NodeReport out;
  const std::lock_guard guard(lock_);
  const FleetNode own = own_row(node_, now);
  out.set_node_id(own.id);
  out.set_generation(own.generation);
  out.set_digest(own.digest);
  out.set_announced(own.announced);
  out.set_state(own.state);
  out.set_weights_generation(own.weights_generation);
  out.set_weights_digest(monitor::digest_of(node_.fleet_weights));
  if (node_.fleet.asked_weights && node_.fleet_weights.generation != 0)
    *out.mutable_weights() = monitor::to_wire(node_.fleet_weights);
  out.set_forward_mean_us(own.forward_mean_us);
  out.set_forward_p50_us(own.forward_p50_us);
  out.set_forward_p99_us(own.forward_p99_us);
  out.set_packets(own.packets);
  out.set_flows(own.flows);
  out.set_dataplane(own.dataplane);
  for (const std::string& name : own.down) out.add_down(name);
  return out;
}

}  // namespace fairlead::control
