// SPDX-License-Identifier: BSD-3-Clause
// Intents of pools and node.
#include "control/intents.hh"

#include <algorithm>
#include <cmath>

namespace fairlead::control {
namespace {

// What the policy makes of configured weights in a pool, on average: it counts in other units.
double pool_factor(const Node& node, const model::Vip& vip) {
  double configured = 0;
  double in_force = 0;
  for (const model::Backend& backend : vip.backends) {
    const policy::EffectiveWeight* weight = node.weights.find(vip.name, backend.id);
    if (weight == nullptr || weight->weight == 0) continue;
    configured += base_weight(node, vip, backend);
    in_force += weight->weight;
  }
  return configured > 0 && in_force > 0 ? in_force / configured : 1;
}

std::uint32_t planned_weight(const Node& node, const model::Vip& vip, const model::Backend& next) {
  if (next.weight == 0) return 0;
  const model::Vip* old_vip = find_vip(node, vip.name);
  if (old_vip == nullptr) return next.weight;
  double factor = pool_factor(node, *old_vip);
  const model::Backend* old = find_backend(*old_vip, next.id);
  const policy::EffectiveWeight* weight = node.weights.find(vip.name, next.id);
  if (old != nullptr && weight != nullptr && weight->weight > 0) {
    const std::uint32_t before = base_weight(node, *old_vip, *old);
    if (before > 0) factor = static_cast<double>(weight->weight) / before;
  }
  const auto whole = static_cast<std::uint32_t>(std::llround(factor * next.weight));
  return std::clamp(whole, 1U, steering::kMaxWeight);
}

}  // namespace

const model::Vip* find_vip(const Node& node, const std::string& name) {
  for (const model::Vip& vip : node.config.vips) {
    if (vip.name == name) return &vip;
  }
  return nullptr;
}

const model::Backend* find_backend(const model::Vip& vip, const std::string& id) {
  for (const model::Backend& backend : vip.backends) {
    if (backend.id == id) return &backend;
  }
  return nullptr;
}

std::uint32_t base_weight(const Node& node, const model::Vip& vip, const model::Backend& backend) {
  const auto set = node.operators.weights.find({vip.name, backend.id});
  return set == node.operators.weights.end() ? backend.weight : set->second;
}

bool is_draining(const Node& node, const std::string& vip, const std::string& backend) {
  return node.operators.holds.count({vip, backend}) > 0 || node.intake.has_left(backend);
}

std::optional<std::uint32_t> member_number(
    const Node& node, const std::string& vip, const std::string& backend
) {
  const auto v = node.publisher.steering().vip_number(vip);
  const auto b = node.publisher.steering().backend_number(backend);
  if (!v || !b) return std::nullopt;
  const auto members = node.publisher.table().members();
  for (std::uint32_t n = 0; n < members.size(); ++n) {
    const fl_member& m = members[n];
    if (m.state != FL_MEMBER_FREE && m.vip == *v && m.backend == *b) return n;
  }
  return std::nullopt;
}

std::vector<fl_member_state> member_states(
    const std::vector<MemberFacts>& members, std::uint32_t min_healthy_pct
) {
  std::size_t up = 0;
  std::size_t serving = 0;
  for (const MemberFacts& m : members) {
    if (m.draining || m.off) continue;
    ++serving;
    if (m.health == health::State::kUp) ++up;
  }
  const bool open = health::fails_open(up, serving, min_healthy_pct);
  std::vector<fl_member_state> out;
  out.reserve(members.size());
  for (const MemberFacts& m : members) {
    const bool trusted =
        m.health == health::State::kUp || (m.health == health::State::kUnknown && up == 0);
    const bool out_of_use = !trusted && !open;
    if (m.off || (out_of_use && !m.in_doubt)) {
      out.push_back(FL_MEMBER_DOWN);
    } else {
      out.push_back(m.draining || out_of_use ? FL_MEMBER_DRAINING : FL_MEMBER_ACTIVE);
    }
  }
  return out;
}

namespace {

// A pool of members that are not removed; `weigh(vip, backend)` gives their weights.
template <typename Weigh>
steering::PoolIntent pool_of(const Node& node, const model::Vip& vip, const Weigh& weigh) {
  steering::PoolIntent pool{vip, {}};
  if (const auto base = node.bases.find(vip.name); base != node.bases.end())
    pool.base = base->second.base;
  auto& members = pool.vip.backends;
  const auto gone = [&](const model::Backend& b) {
    return held_as(node.operators.holds, {vip.name, b.id}).removed;
  };
  members.erase(std::remove_if(members.begin(), members.end(), gone), members.end());
  const bool disabled = node.operators.disabled.count(vip.name) > 0;
  std::vector<MemberFacts> facts;
  for (const model::Backend& backend : members) {
    const HeldAs held = held_as(node.operators.holds, {vip.name, backend.id});
    // Not in the book: only in a configuration that is not in force yet.
    const bool known = node.checks.all().count({vip.name, backend.id}) > 0;
    facts.push_back(
        {known ? node.checks.state(vip.name, backend.id) : health::State::kUp,
         disabled || held.draining || node.intake.has_left(backend.id),
         held.off || node.checks.ordered_down(vip.name, backend.id),
         vip.protocol == net::IpProto::kTcp && node.checks.in_doubt(vip.name, backend.id)}
    );
  }
  const auto states = member_states(facts, vip.health.min_healthy_pct);
  for (std::size_t i = 0; i < members.size(); ++i) {
    steering::BackendIntent intent;
    intent.weight = weigh(vip, members[i]);
    intent.state = states[i];
    // c is about all nodes' counts: without them, and of few nodes, the score is n / weight
    // (docs/policies.md).
    const auto* in_force = node.weights.find(vip.name, members[i].id);
    const bool knows = node.exchange.knows_parallel() && in_force != nullptr;
    intent.parallel = knows ? in_force->parallel : 0;
    // 0: derived from the weight; the fast score lives in the scores region, never in a table. A
    // member that gets no new flows looks full, so that its weight makes no generations.
    intent.inverse_weight = states[i] == FL_MEMBER_ACTIVE ? 0 : UINT32_MAX;
    pool.backends.push_back(intent);
  }
  return pool;
}

}  // namespace

std::vector<steering::PoolIntent> pool_intents(const Node& node) {
  std::vector<steering::PoolIntent> out;
  out.reserve(node.config.vips.size());
  const auto in_force = [&](const model::Vip& vip, const model::Backend& backend) {
    const policy::EffectiveWeight* weight = node.weights.find(vip.name, backend.id);
    const std::uint32_t whole =
        weight == nullptr ? base_weight(node, vip, backend) : weight->weight;
    const std::uint32_t share = node.checks.share_pct(vip.name, backend.id);
    return whole == 0 || share == 100 ? whole : std::max(1U, whole * share / 100);
  };
  for (const model::Vip& vip : node.config.vips) out.push_back(pool_of(node, vip, in_force));
  return out;
}

std::vector<steering::PoolIntent> planned_intents(const Node& node, const config::Config& next) {
  std::vector<steering::PoolIntent> out;
  out.reserve(next.vips.size());
  const auto planned = [&](const model::Vip& vip, const model::Backend& backend) {
    return planned_weight(node, vip, backend);
  };
  for (const model::Vip& vip : next.vips) out.push_back(pool_of(node, vip, planned));
  return out;
}

steering::NodeIntent node_intent(const config::Config& config) {
  const auto ms = [](base::Nanoseconds ns) {
    return static_cast<std::uint32_t>(ns / base::kMillisecond);
  };
  steering::NodeIntent node;
  node.hash_key = config.fleet.hash_key;
  node.address4 = config.node.address;
  node.address6 = config.node.address6;
  node.outgoing = config.outgoing;
  node.new_flow_limit = config.flows.new_flow_limit;
  node.idle_new_ms = ms(config.flows.idle_new);
  node.idle_confirmed_ms = ms(config.flows.idle_confirmed);
  node.idle_closing_ms = ms(config.flows.idle_closing);
  node.idle_reset_ms = ms(config.flows.idle_reset);
  node.idle_adopted_ms = ms(config.flows.idle_adopted);
  node.idle_udp_ms = ms(config.flows.idle_udp);
  node.idle_udp_new_ms = ms(config.flows.idle_udp_new);
  return node;
}

std::vector<ebpf::ServedVip> served_vips(const config::Config& config) {
  std::vector<ebpf::ServedVip> vips;
  for (const model::Vip& vip : config.vips)
    vips.push_back({vip.prefix, vip.protocol, vip.port, !vip.answers_echo});
  return vips;
}

}  // namespace fairlead::control
