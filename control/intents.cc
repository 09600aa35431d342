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

std::map<Member, std::uint32_t> member_numbers(const Node& node) {
  std::map<Member, std::uint32_t> out;
  if (!node.publisher.table().valid()) return out;
  const steer::Names& names = node.publisher.names();
  const auto members = node.publisher.table().members();
  for (std::uint32_t n = 0; n < members.size(); ++n) {
    const fl_member& m = members[n];
    if (m.state == FL_MEMBER_FREE) continue;
    out.emplace(Member(names.vip(m.vip), names.backend(m.backend)), n);
  }
  return out;
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

steering::BackendIntent intent_of(
    fl_member_state state,
    std::uint32_t weight,
    bool knows_parallel,
    const policy::EffectiveWeight* in_force
) {
  steering::BackendIntent intent;
  intent.weight = weight;
  intent.state = state;
  // c is about all nodes' counts: without them, and of few nodes, the score is n / weight
  // (docs/policies.md).
  intent.parallel = knows_parallel && in_force != nullptr ? in_force->parallel : 0;
  // 0: derived from the weight; the fast score lives in the scores region, never in a table. A
  // member that gets no new flows looks full, so that its weight makes no generations.
  intent.inverse_weight = state == FL_MEMBER_ACTIVE ? 0 : UINT32_MAX;
  return intent;
}

steering::SharedBase stored_base(const FleetBases& bases, const std::string& vip) {
  const auto base = bases.find(vip);
  return base == bases.end() ? nullptr : base->second.base;
}

MemberFacts facts_of(const HeldAs& held, bool leaves, const health::Standing& check, bool tcp) {
  return {
      check.state, held.draining || leaves, held.off || check.ordered_down, tcp && check.in_doubt};
}

std::vector<const policy::EffectiveWeight*> weights_as(
    const PoolWeights::Row* row, const SharedShape& shape
) {
  if (row != nullptr) return row->as(shape);
  return std::vector<const policy::EffectiveWeight*>(shape->ids.size(), nullptr);
}

/// Not in the book: only in a configuration that is not in force yet.
constexpr health::Standing kNotInTheBook{health::State::kUp, 100, false, false};

// A pool of a configuration that is not in force, without members that are removed.
steering::PoolIntent planned_pool(const Node& node, const model::Vip& vip) {
  steering::PoolIntent pool{vip, {}, stored_base(node.bases, vip.name)};
  pool.only_node = node.config.fleet.one_node;
  auto& members = pool.vip.backends;
  const auto gone = [&](const model::Backend& b) {
    return held_as(node.operators.holds, {vip.name, b.id}).removed;
  };
  members.erase(std::remove_if(members.begin(), members.end(), gone), members.end());
  const bool tcp = vip.protocol == net::IpProto::kTcp;
  const bool disabled = node.operators.disabled.count(vip.name) > 0;
  std::vector<MemberFacts> facts;
  for (const model::Backend& backend : members) {
    const auto slot = node.checks.slot(vip.name, backend.id);
    facts.push_back(facts_of(
        held_as(node.operators.holds, {vip.name, backend.id}),
        disabled || node.intake.has_left(backend.id),
        slot ? node.checks.standing(*slot) : kNotInTheBook,
        tcp
    ));
  }
  const auto states = member_states(facts, vip.health.min_healthy_pct);
  for (std::size_t i = 0; i < members.size(); ++i) {
    pool.backends.push_back(intent_of(
        states[i],
        planned_weight(node, vip, members[i]),
        node.exchange.knows_parallel(),
        node.weights.find(vip.name, members[i].id)
    ));
  }
  return pool;
}

}  // namespace

IntentInput intent_input(const Node& node) {
  return {
      node.config.vips,
      node.rows,
      node.checks,
      node.weights,
      node.bases,
      node.exchange.knows_parallel(),
      node.config.fleet.one_node};
}

void IntentRows::describe(const IntentInput& in, std::size_t v) {
  const model::Vip& vip = in.vips[v];
  const std::vector<std::uint32_t>& removed = in.rows.row(v).removed;
  steering::PoolIntent& pool = pools_[v];
  pool.vip = vip;
  kept_[v].clear();
  for (std::uint32_t i = 0; i < vip.backends.size(); ++i)
    if (!std::binary_search(removed.begin(), removed.end(), i)) kept_[v].push_back(i);
  if (!removed.empty()) {
    pool.vip.backends.clear();
    for (const std::uint32_t i : kept_[v]) pool.vip.backends.push_back(vip.backends[i]);
  }
  pool.backends.resize(kept_[v].size());
  pool.edition = ++editions_;
  removed_[v] = removed;
}

IntentRows::Given IntentRows::given_to(const IntentInput& in, std::size_t v) const {
  const PoolRow& row = in.rows.row(v);
  const model::Vip& vip = pools_[v].vip;
  const bool tcp = vip.protocol == net::IpProto::kTcp;
  Given given{
      in.rows.index().pools()[v],
      in.weights.row(vip.name),
      vip.health.min_healthy_pct,
      kept_[v],
      row.base_weight,
      {},
      {}};
  given.facts.reserve(given.kept.size());
  given.share_pct.reserve(given.kept.size());
  for (const std::uint32_t i : given.kept) {
    const health::Standing& check =
        row.checks[i] ? in.checks.standing(*row.checks[i]) : kNotInTheBook;
    given.facts.push_back(facts_of(row.held[i], row.disabled || in.rows.has_left(v, i), check, tcp)
    );
    given.share_pct.push_back(check.share_pct);
  }
  return given;
}

void IntentRows::put_numbers(const IntentInput& in, const Given& given, steering::PoolIntent& pool)
    const {
  const auto states = member_states(given.facts, given.min_healthy_pct);
  const auto weights = weights_as(given.weighed, given.shape);
  for (std::size_t k = 0; k < given.kept.size(); ++k) {
    const std::uint32_t i = given.kept[k];
    const std::uint32_t whole = weights[i] == nullptr ? given.base_weight[i] : weights[i]->weight;
    const std::uint32_t share = given.share_pct[k];
    const std::uint32_t weight =
        whole == 0 || share == 100 ? whole : std::max(1U, whole * share / 100);
    pool.backends[k] = intent_of(states[k], weight, in.knows_parallel, weights[i]);
  }
}

const std::vector<steering::PoolIntent>& IntentRows::renew(const IntentInput& in) {
  const std::size_t vips = in.vips.size();
  const bool all = seen_ != in.rows.edition();
  seen_ = in.rows.edition();
  pools_.resize(vips);
  kept_.resize(vips);
  removed_.resize(vips);
  std::vector<std::pair<Given, std::size_t>> put;  // and the first vip with it
  for (std::size_t v = 0; v < vips; ++v) {
    if (all || removed_[v] != in.rows.row(v).removed) describe(in, v);
    pools_[v].base = stored_base(in.bases, pools_[v].vip.name);
    pools_[v].only_node = in.one_node;
    Given given = given_to(in, v);
    const auto same =
        std::find_if(put.begin(), put.end(), [&](const auto& p) { return p.first == given; });
    if (same != put.end()) {
      pools_[v].backends = pools_[same->second].backends;
      pools_[v].numbers = pools_[same->second].numbers;
      continue;
    }
    put_numbers(in, given, pools_[v]);
    pools_[v].numbers = ++numbers_;
    put.emplace_back(std::move(given), v);
  }
  return pools_;
}

std::vector<steering::PoolIntent> planned_intents(const Node& node, const config::Config& next) {
  std::vector<steering::PoolIntent> out;
  out.reserve(next.vips.size());
  for (const model::Vip& vip : next.vips) out.push_back(planned_pool(node, vip));
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
