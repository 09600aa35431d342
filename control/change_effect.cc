// SPDX-License-Identifier: BSD-3-Clause
// A rehearsal: the plan of the next generation against what is published and the live flows.
#include "control/change_effect.hh"

#include <map>
#include <set>
#include <utility>

#include "control/api/flow_survey.hh"
#include "control/intents.hh"
#include "control/show.hh"

namespace fairlead::control {
namespace {

using Key = std::pair<std::string, std::string>;  // vip, backend

struct Published {
  std::uint32_t member = 0;
  std::uint32_t slots = 0;
  std::uint64_t flows = 0;
};

struct Before {
  std::map<Key, Published> members;
  std::map<std::string, std::uint32_t> slots;  // of the vips
};

Before published_now(Node& node, base::Nanoseconds now) {
  Before out;
  const steer::TableView& table = node.publisher.table();
  if (!table.valid()) return out;
  std::map<std::uint32_t, Published> by_member;
  for (const fl_vip& vip : table.vips()) {
    out.slots[std::string(node.publisher.names().vip(vip.vip))] = vip.table_size;
    const std::vector<std::uint32_t> counts = steer::count_slots(table, vip);
    for (std::size_t i = 0; i < counts.size(); ++i) by_member[table.pool(vip)[i]].slots = counts[i];
  }
  for (const api::WorkerFlows& flows : flow_source(node, now).flows) {
    const api::FlowCount count = api::count_flows(flows);
    for (std::uint32_t n = 0; n < count.open_by_member.size(); ++n)
      if (count.open_by_member[n] > 0) by_member[n].flows += count.open_by_member[n];
  }
  const auto members = table.members();
  for (std::uint32_t n = 0; n < members.size(); ++n) {
    if (members[n].state == FL_MEMBER_FREE) continue;
    Published published = by_member[n];
    published.member = n;
    const steer::Names& names = node.publisher.names();
    out.members[{
        std::string(names.vip(members[n].vip)), std::string(names.backend(members[n].backend))}] =
        published;
  }
  return out;
}

bool same_destination(const model::Vip& a, const model::Vip& b) {
  return a.prefix == b.prefix && a.protocol == b.protocol && a.port == b.port;
}

// Writing is the only proof that a plan fits its bank.
base::Result<bool> fits(const Node& node, const steering::Plan& plan, base::Nanoseconds now) {
  struct alignas(FL_LINE_BYTES) Line {
    std::byte bytes[FL_LINE_BYTES];
  };
  std::vector<Line> scratch(node.regions.steering.header().parameter / sizeof(Line));
  FL_TRY(steering::encode(plan, 1, now, std::as_writable_bytes(std::span(scratch))));
  return true;
}

class Comparison {
 public:
  Comparison(const Node& node, const config::Config& next, const Before& before)
      : node_(node),
        next_(next),
        before_(before),
        rehashed_(node.config.fleet.hash_key != next.fleet.hash_key) {}

  Effect run(const std::vector<steering::PoolIntent>& intents, const steering::Plan& plan) {
    for (std::size_t i = 0; i < plan.pools.size(); ++i)
      pool(intents[i].vip, plan.pools[i], plan.backends(i));
    gone_vips();
    return std::move(effect_);
  }

 private:
  void pool(
      const model::Vip& vip,
      const steering::PlannedPool& planned,
      const std::vector<steering::PlannedBackend>& backends
  ) {
    const model::Vip* old = find_vip(node_, vip.name);
    VipEffect row{vip.name, "", planned.table_size, planned.slots_moved, 0};
    if (old == nullptr) row.change = "added";
    if (old != nullptr && !same_destination(*old, vip)) row.change = "other destination";
    const bool all = rehashed_ || !row.change.empty();
    std::set<std::string> kept;
    for (std::size_t i = 0; i < vip.backends.size(); ++i) {  // removed ones are not
      kept.insert(vip.backends[i].id);
      backend(vip, vip.backends[i], backends[i], all, row);
    }
    for (const auto& [key, published] : before_.members) {
      if (key.first == vip.name && kept.count(key.second) == 0) removed(key, published, row);
    }
    add(std::move(row));
  }

  void backend(
      const model::Vip& vip,
      const model::Backend& backend,
      const steering::PlannedBackend& planned,
      bool all,
      VipEffect& sum
  ) {
    BackendEffect row{vip.name, backend.id, "", planned.slots_before, planned.slots, 0, 0};
    const auto found = before_.members.find({vip.name, backend.id});
    bool moved = all;
    if (found == before_.members.end()) {
      row.change = "added";
    } else {
      row.flows = found->second.flows;
      row.slots_before = found->second.slots;
      if (found->second.member != planned.member) {
        row.change = "new address";
        moved = true;
      } else {
        row.change = weight_change(vip.name, backend);
      }
    }
    if (moved) row.flows_affected = row.flows;
    sum.flows_affected += row.flows_affected;
    if (!row.change.empty() || row.slots_before != row.slots_after || row.flows_affected > 0)
      effect_.backends.push_back(std::move(row));
  }

  std::string weight_change(const std::string& vip_name, const model::Backend& backend) const {
    const model::Vip* vip = find_vip(node_, vip_name);
    const model::Backend* old = vip == nullptr ? nullptr : find_backend(*vip, backend.id);
    if (old == nullptr) return "";
    const std::uint32_t now = base_weight(node_, *vip, *old);
    if (now == backend.weight) return "";
    return "weight " + std::to_string(now) + " to " + std::to_string(backend.weight);
  }

  void removed(const Key& key, const Published& published, VipEffect& sum) {
    sum.flows_affected += published.flows;
    effect_.backends.push_back(
        {key.first, key.second, "removed", published.slots, 0, published.flows, published.flows}
    );
  }

  void gone_vips() {
    for (const auto& [name, slots] : before_.slots) {
      bool kept = false;
      for (const model::Vip& vip : next_.vips) kept = kept || vip.name == name;
      if (kept) continue;
      VipEffect row{name, "removed", 0, slots, 0};
      for (const auto& [key, published] : before_.members)
        if (key.first == name) removed(key, published, row);
      add(std::move(row));
    }
  }

  void add(VipEffect row) {
    effect_.slots_moved += row.slots_moved;
    effect_.flows_affected += row.flows_affected;
    effect_.vips.push_back(std::move(row));
  }

  const Node& node_;
  const config::Config& next_;
  const Before& before_;
  const bool rehashed_;
  Effect effect_;
};

}  // namespace

std::vector<std::string> keys_needing_restart(
    const config::Config& old, const config::Config& fresh
) {
  std::vector<std::string> keys;
  const auto differs = [&](const char* key, bool different) {
    if (different) keys.emplace_back(key);
  };
  differs("node.id", old.node.id != fresh.node.id);
  differs("node.runtime_dir", old.runtime_dir != fresh.runtime_dir);
  differs("node.interface", old.interface != fresh.interface);
  differs("ports", old.ports != fresh.ports);
  differs("workers", old.workers != fresh.workers);
  differs("memory", old.memory != fresh.memory);
  differs("monitoring.listen", old.monitoring.listen != fresh.monitoring.listen);
  differs("monitoring.monitors", old.monitoring.monitors != fresh.monitoring.monitors);
  differs("monitoring.exchange", old.monitoring.exchange != fresh.monitoring.exchange);
  differs("monitoring.certificate", old.monitoring.tls != fresh.monitoring.tls);
  differs("metrics.listen", old.metrics_listen != fresh.metrics_listen);
  differs("policy.log", old.policy_log != fresh.policy_log);
  differs("decision_log", old.decision_log != fresh.decision_log);
  differs("api", old.api != fresh.api);
  differs("routes", old.routes != fresh.routes);
  differs("changes.directory", old.changes.directory != fresh.changes.directory);
  return keys;
}

void keep_process_values(const config::Config& old, config::Config& fresh) {
  fresh.node.id = old.node.id;
  fresh.runtime_dir = old.runtime_dir;
  fresh.interface = old.interface;
  fresh.memory = old.memory;
  fresh.monitoring.listen = old.monitoring.listen;
  fresh.monitoring.monitors = old.monitoring.monitors;
  fresh.monitoring.exchange = old.monitoring.exchange;
  fresh.monitoring.tls = old.monitoring.tls;
  fresh.metrics_listen = old.metrics_listen;
  fresh.policy_log = old.policy_log;
  fresh.api = old.api;
  fresh.routes = old.routes;
  fresh.changes.directory = old.changes.directory;
}

base::Result<Effect> effect_of(Node& node, const config::Config& next, base::Nanoseconds now) {
  const std::vector<steering::PoolIntent> intents = planned_intents(node, next);
  FL_ASSIGN(
      const steering::Plan plan, node.publisher.steering().plan(intents, node_intent(next), now)
  );
  FL_TRY(fits(node, plan, now));
  const Before before = published_now(node, now);
  return Comparison(node, next, before).run(intents, plan);
}

}  // namespace fairlead::control
