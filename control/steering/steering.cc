// SPDX-License-Identifier: BSD-3-Clause
// Planning: numbers first, then a table per vip, then what the whole means.
#include "control/steering/steering.hh"

#include <algorithm>
#include <numeric>
#include <set>

#include "control/steering/numbers.hh"
#include "control/steering/quic_index.hh"
#include "control/steering/validate.hh"
#include "dataplane/steer/score.h"

namespace fairlead::steering {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

/// Flows may be a little older than their time-out says: clocks tick, workers lag behind.
constexpr base::Nanoseconds kHoldMargin = 30 * base::kSecond;

/// One plan under construction.
class Planner {
 public:
  Planner(const Plan::Numbers& committed, const NodeIntent& node, base::Nanoseconds now)
      : numbers_(committed), now_(now) {
    plan_.node = node;
    numbers_.idle_ms = std::max(numbers_.idle_ms, longest_idle_ms(node));
    hold_ = numbers_.idle_ms * base::kMillisecond + kHoldMargin;
  }

  Result<Plan> run(const std::vector<PoolIntent>& pools) {
    release(pools);
    for (const PoolIntent& pool : pools) FL_TRY(number(pool));
    mark_free();
    for (std::size_t i = 0; i < pools.size(); ++i) FL_TRY(build(pools[i], plan_.pools[i]));
    order_vips();
    plan_.members = numbers_.records;
    digest(pools);
    plan_.numbers = std::make_shared<const Plan::Numbers>(std::move(numbers_));
    return std::move(plan_);
  }

 private:
  /// Frees the numbers of all that is no longer wanted.
  void release(const std::vector<PoolIntent>& pools) {
    std::set<std::string> vips;
    std::set<std::string> backends;
    for (const PoolIntent& pool : pools) {
      vips.insert(pool.vip.name);
      for (const model::Backend& b : pool.vip.backends) backends.insert(b.id);
    }
    std::set<MemberKey> members;
    for (const PoolIntent& pool : pools)
      for (const model::Backend& b : pool.vip.backends) {
        const auto vip = numbers_.vips.find(pool.vip.name);
        const auto backend = numbers_.backends.find(b.id);
        if (vip && backend) members.insert({*vip, *backend, b.address});
      }
    const auto in = [](const auto& set) {
      return [&set](const auto& key) { return set.count(key) > 0; };
    };
    numbers_.members.release_unless(in(members), now_);
    numbers_.backends.release_unless(in(backends), now_);
    numbers_.vips.release_unless(in(vips), now_);
  }

  tl::unexpected<base::Error> exhausted(const std::string& what, std::uint32_t limit) const {
    return fail(
        ErrorCode::kResourceExhausted,
        what + ": all " + std::to_string(limit) + " numbers are in use or were in use less than " +
            std::to_string(hold_ / base::kSecond) + " s ago: wait, or remove something"
    );
  }

  /// Numbers of a pool and its members; fills the member records.
  Result<bool> number(const PoolIntent& pool) {
    PlannedPool planned;
    planned.name = pool.vip.name;
    const auto vip = numbers_.vips.assign(pool.vip.name, now_, hold_, FL_MAX_VIPS);
    if (!vip) return exhausted("vip " + pool.vip.name, FL_MAX_VIPS);
    planned.vip = *vip;
    for (std::size_t i = 0; i < pool.backends.size(); ++i) {
      const model::Backend& b = pool.vip.backends[i];
      const std::string name = "vip " + pool.vip.name + ": backend " + b.id;
      const auto backend = numbers_.backends.assign(b.id, now_, hold_, FL_MAX_BACKENDS);
      if (!backend) return exhausted(name, FL_MAX_BACKENDS);
      const auto member =
          numbers_.members.assign({*vip, *backend, b.address}, now_, hold_, FL_MAX_MEMBERS);
      if (!member) return exhausted(name, FL_MAX_MEMBERS);
      const BackendIntent& intent = pool.backends[i];
      PlannedBackend row;
      row.id = b.id;
      row.member = *member;
      row.backend = *backend;
      row.weight = intent.state == FL_MEMBER_ACTIVE ? intent.weight : 0;
      if (numbers_.records.size() <= *member) numbers_.records.resize(*member + 1, fl_member{});
      numbers_.records[*member] = record(b, intent, row, *vip);
      numbers_.records[*member].protocol = static_cast<std::uint8_t>(pool.vip.protocol);
      planned.backends.push_back(std::move(row));
    }
    plan_.pools.push_back(std::move(planned));
    return true;
  }

  static fl_member record(
      const model::Backend& b,
      const BackendIntent& intent,
      const PlannedBackend& row,
      std::uint32_t vip
  ) {
    fl_member m{};
    std::copy(b.address.bytes.begin(), b.address.bytes.end(), m.address);
    m.family = static_cast<std::uint8_t>(b.address.family);
    m.state = static_cast<std::uint8_t>(intent.state);
    if (b.mac) std::copy(b.mac->bytes.begin(), b.mac->bytes.end(), m.mac);
    m.backend = row.backend;
    m.vip = vip;
    m.weight = row.weight;
    m.inverse_weight = intent.inverse_weight;
    fl_set_member_parallel(&m, intent.parallel);
    if (m.inverse_weight == 0)  // 2^20 / weight, as policy::score_inverse_weight
      m.inverse_weight = intent.weight == 0 ? UINT32_MAX : (1u << 20) / intent.weight;
    return m;
  }

  /// Members without a key keep their record (late packets are still counted for the right
  /// backend) but are free.
  void mark_free() {
    std::vector<bool> used(numbers_.records.size(), false);
    for (const auto& [key, number] : numbers_.members.used()) used[number] = true;
    for (std::size_t i = 0; i < used.size(); ++i)
      if (!used[i]) {
        numbers_.records[i].state = FL_MEMBER_FREE;
        if (numbers_.records[i].family == 0) numbers_.records[i].family = 4;
      }
    std::set<std::uint32_t> vips;
    for (const auto& [name, number] : numbers_.vips.used()) vips.insert(number);
    for (auto it = numbers_.tables.begin(); it != numbers_.tables.end();)
      it = vips.count(it->first) > 0 ? std::next(it) : numbers_.tables.erase(it);
  }

  /// The fleet's size where its base fits.
  static std::uint32_t size_of(const model::Vip& vip, const PoolTable* before, const FleetBase& f) {
    if (f.fits) return f.base->size;
    std::uint32_t size = before == nullptr ? 0 : before->size;
    if (before == nullptr && f.base != nullptr) size = f.base->size;
    return next_table_size(vip.table_size, vip.backends.size(), size);
  }

  /// Whether `table` still says where the vip's backends are, by rising id.
  static bool still_orders(const VipTable& table, const std::vector<model::Backend>& backends) {
    if (table.table == nullptr || table.order.size() != backends.size()) return false;
    const std::vector<std::string>& ids = *table.table->ids;
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (backends[table.order[i]].id != ids[i]) return false;
    return true;
  }

  /// The ids of backends in the vip's order: those that it or another vip has if they are the same.
  Ids ids_of(const std::vector<model::Backend>& backends, const VipTable& vip) {
    std::vector<std::string> ids;
    ids.reserve(vip.order.size());
    for (const std::uint32_t i : vip.order) ids.push_back(backends[i].id);
    if (vip.table != nullptr && *vip.table->ids == ids) return vip.table->ids;
    for (const Ids& known : ids_)
      if (*known == ids) return known;
    ids_.push_back(std::make_shared<const std::vector<std::string>>(std::move(ids)));
    return ids_.back();
  }

  /// What the pool's table follows from; puts the order of its backends.
  TableInput input_of(const PoolIntent& pool, VipTable& vip) {
    const std::vector<model::Backend>& backends = pool.vip.backends;
    TableInput in;
    in.previous = vip.table;
    if (still_orders(vip, backends)) {
      in.ids = vip.table->ids;
    } else {
      vip.order.resize(backends.size());
      std::iota(vip.order.begin(), vip.order.end(), 0U);
      std::sort(vip.order.begin(), vip.order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return backends[a].id < backends[b].id;
      });
      in.ids = ids_of(backends, vip);
    }
    in.members.reserve(backends.size());
    for (const std::uint32_t i : vip.order) {
      const BackendIntent& intent = pool.backends[i];
      in.members.push_back({backends[i].weight, intent.weight, intent.state == FL_MEMBER_ACTIVE});
    }
    in.fleet = {pool.base, pool.base != nullptr && pool.base->fits(base_shape(pool.vip))};
    in.size = size_of(pool.vip, vip.table.get(), in.fleet);
    return in;
  }

  /// The next table of a pool, or of one with the same input.
  Result<NextTable> follow(TableInput in) {
    const auto [begin, end] = done_.equal_range(in.previous);
    for (auto it = begin; it != end; ++it)
      if (it->second.first == in) return it->second.second;
    FL_ASSIGN(NextTable next, next_table(in, plan_.node.hash_key));
    const auto [joins, ends] = tables_.equal_range(next.table->checksum);
    const auto equal = std::find_if(joins, ends, [&](const auto& known) {
      return is_equal(*known.second, *next.table);
    });
    if (equal != ends)
      next.table = equal->second;
    else
      tables_.emplace(next.table->checksum, next.table);
    const SharedTable previous = in.previous;
    done_.emplace(previous, std::pair{std::move(in), next});
    return next;
  }

  /// The pool's table, after its previous one.
  Result<bool> build(const PoolIntent& pool, PlannedPool& planned) {
    VipTable& vip = numbers_.tables[planned.vip];
    const auto next = follow(input_of(pool, vip));
    if (!next) return base::annotate("vip " + pool.vip.name, next.error());
    vip.table = next->table;
    planned.table_size = static_cast<std::uint32_t>(vip.table->slots.size());
    planned.slots_moved = next->moved;
    for (std::size_t rank = 0; rank < vip.order.size(); ++rank) {
      planned.backends[vip.order[rank]].slots = vip.table->counts[rank];
      planned.backends[vip.order[rank]].slots_before = next->slots_before[rank];
      members_[planned.vip].push_back(planned.backends[vip.order[rank]].member);
    }
    plan_.vips.push_back(vip_record(pool.vip, planned));
    quic_[planned.vip] = quic_index(pool.vip, planned);
    return true;
  }

  static fl_vip vip_record(const model::Vip& vip, const PlannedPool& planned) {
    fl_vip v{};
    const net::IpAddr address = vip.prefix.address.masked(vip.prefix.length);
    std::copy(address.bytes.begin(), address.bytes.end(), v.address);
    v.family = static_cast<std::uint8_t>(address.family);
    v.prefix_len = static_cast<std::uint8_t>(vip.prefix.length);
    v.protocol = static_cast<std::uint8_t>(vip.protocol);
    v.encapsulation = static_cast<std::uint8_t>(vip.encapsulation);
    v.port[0] = static_cast<std::uint8_t>(vip.port >> 8);
    v.port[1] = static_cast<std::uint8_t>(vip.port & 0xff);
    v.choices = vip.choices;
    if (vip.stateless) v.flags |= FL_VIP_STATELESS;
    if (!vip.answers_echo) v.flags |= FL_VIP_NO_ECHO;
    v.mss = vip.mss;
    if (!vip.quic.empty()) v.flags |= FL_VIP_QUIC;
    for (const model::QuicConfig& config : vip.quic)
      v.quic_id_bytes[config.number] = config.server_id_bytes;
    v.vip = planned.vip;
    v.table_size = planned.table_size;
    v.active_members = static_cast<std::uint32_t>(std::count_if(
        planned.backends.begin(), planned.backends.end(), [](const auto& b) { return b.weight > 0; }
    ));
    return v;
  }

  void order_vips() {
    std::sort(plan_.vips.begin(), plan_.vips.end(), [](const fl_vip& a, const fl_vip& b) {
      return a.vip < b.vip;
    });
    for (fl_vip& v : plan_.vips) {
      plan_.tables.push_back(numbers_.tables[v.vip].table);
      plan_.pools_members.push_back(std::move(members_[v.vip]));
      v.pool_size = static_cast<std::uint16_t>(plan_.pools_members.back().size());
      plan_.quic.push_back(std::move(quic_[v.vip]));
      if (!plan_.quic.back().empty())
        v.quic_mask = static_cast<std::uint32_t>(plan_.quic.back().size() - 1);
    }
  }

  /// Of the meaning: names instead of numbers, sorted, so that nodes with other histories agree
  /// when they steer alike (docs/steering.md, section 5).
  void digest(const std::vector<PoolIntent>& pools) {
    std::map<std::string, std::size_t> by_name;
    for (std::size_t i = 0; i < pools.size(); ++i) by_name[pools[i].vip.name] = i;
    std::string meaning;
    for (const auto& [name, i] : by_name) append_meaning(pools[i].vip, plan_.pools[i], meaning);
    plan_.digest = keyed_hash(plan_.node.hash_key, meaning);
  }

  void append_meaning(const model::Vip& vip, const PlannedPool& planned, std::string& meaning)
      const {
    const auto number = [&](std::uint64_t n) { meaning += std::to_string(n) + "\n"; };
    meaning += planned.name + "\n" + vip.prefix.to_string() + "\n";
    number(static_cast<std::uint64_t>(vip.protocol));
    number(vip.port);
    number(static_cast<std::uint64_t>(vip.encapsulation));
    number(vip.choices);
    number(vip.stateless ? 1 : 0);
    for (const model::QuicConfig& config : vip.quic) {
      meaning += "quic ";
      number(config.number);
      number(config.server_id_bytes);
    }
    const VipTable& table = numbers_.tables.at(planned.vip);
    for (const std::uint32_t i : table.order) {
      const fl_member& m = numbers_.records[planned.backends[i].member];
      meaning += planned.backends[i].id + "\n" + vip.backends[i].address.to_string() + "\n";
      for (const std::uint8_t byte : vip.backends[i].server_id) number(byte);
      number(m.state);
      number(m.weight);
    }
    number(table.table->slots.size());
    number(table.table->meaning);
  }

  Plan::Numbers numbers_;
  base::Nanoseconds now_;
  base::Nanoseconds hold_ = 0;
  std::map<std::uint32_t, std::vector<fl_quic_server>> quic_;          // by vip number
  std::map<std::uint32_t, std::vector<std::uint32_t>> members_;        // by vip number
  std::vector<Ids> ids_;                                               // that no table had before
  std::multimap<SharedTable, std::pair<TableInput, NextTable>> done_;  // by the previous table
  std::multimap<std::uint64_t, SharedTable> tables_;                   // by checksum
  Plan plan_;
};

}  // namespace

Steering::Steering() : numbers_(std::make_shared<const Plan::Numbers>()) {}
Steering::~Steering() = default;
Steering::Steering(Steering&&) noexcept = default;
Steering& Steering::operator=(Steering&&) noexcept = default;

Result<Plan> Steering::plan(
    const std::vector<PoolIntent>& pools, const NodeIntent& node, base::Nanoseconds now
) const {
  FL_TRY(validate(pools, node));
  FL_ASSIGN(Plan plan, Planner(*numbers_, node, now).run(pools));
  plan.content = content_of(plan);
  plan.changed = content_ == 0 || plan.content != content_;
  return plan;
}

void Steering::commit(const Plan& plan) {
  numbers_ = plan.numbers;
  content_ = plan.content;
}

std::optional<std::uint32_t> Steering::vip_number(const std::string& name) const {
  return numbers_->vips.find(name);
}
std::optional<std::uint32_t> Steering::backend_number(const std::string& id) const {
  return numbers_->backends.find(id);
}

}  // namespace fairlead::steering
