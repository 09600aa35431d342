// SPDX-License-Identifier: BSD-3-Clause
// Planning: numbers first, then a table per vip, then what the whole means.
#include "control/steering/steering.hh"

#include <algorithm>
#include <cstring>
#include <set>

#include "control/steering/numbers.hh"
#include "control/steering/validate.hh"
#include "dataplane/steer/bank_checksum.hh"

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
      : committed_(committed), numbers_(committed), now_(now) {
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
    for (auto it = numbers_.slots.begin(); it != numbers_.slots.end();)
      it = vips.count(it->first) > 0 ? std::next(it) : numbers_.slots.erase(it);
  }

  /// A vip keeps a larger table than it needs: a new size moves every slot.
  static std::uint32_t size_of(const model::Vip& vip, std::size_t before) {
    if (vip.table_size != 0) return vip.table_size;
    const std::uint32_t wanted = table_size_for(vip.backends.size());
    return before > wanted && is_table_size(static_cast<std::uint32_t>(before))
               ? static_cast<std::uint32_t>(before)
               : wanted;
  }

  /// The pool's table from its previous one.
  Result<bool> build(const PoolIntent& pool, PlannedPool& planned) {
    std::vector<std::uint32_t>& slots = numbers_.slots[planned.vip];
    const std::uint32_t size = size_of(pool.vip, slots.size());
    std::vector<MaglevBackend> backends;
    std::vector<std::uint32_t> position(numbers_.records.size(), kNobody);
    for (std::uint32_t i = 0; i < planned.backends.size(); ++i) {
      const PlannedBackend& row = planned.backends[i];
      backends.push_back({keyed_hash(plan_.node.hash_key, row.id), row.weight});
      position[row.member] = i;
    }
    const bool fresh = slots.size() != size || committed_.slots.count(planned.vip) == 0;
    std::vector<std::uint32_t> previous(slots.size());
    std::vector<std::uint32_t> before(backends.size() + 1, 0);  // last: of nobody
    for (std::size_t s = 0; s < slots.size(); ++s) {
      previous[s] = position[slots[s]];
      ++before[std::min<std::size_t>(previous[s], backends.size())];
    }
    if (fresh) previous.clear();
    auto table = build_table(backends, previous, size);
    if (!table) return base::annotate("vip " + pool.vip.name, table.error());
    planned.table_size = static_cast<std::uint32_t>(table->slots.size());
    planned.slots_moved = fresh ? planned.table_size : table->moved;
    std::vector<std::uint32_t> members;
    for (std::size_t i = 0; i < backends.size(); ++i) {
      planned.backends[i].slots = table->counts[i];
      planned.backends[i].slots_before = before[i];
      members.push_back(planned.backends[i].member);
    }
    slots.resize(table->slots.size());
    for (std::size_t s = 0; s < slots.size(); ++s) slots[s] = members[table->slots[s]];
    plan_.vips.push_back(vip_record(pool.vip, planned));
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
    if (!vip.answers_echo) v.flags |= FL_VIP_NO_ECHO;
    v.mss = vip.mss;
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
    for (const fl_vip& v : plan_.vips) plan_.slots.push_back(numbers_.slots[v.vip]);
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
    std::map<std::string, std::size_t> by_id;
    for (std::size_t i = 0; i < planned.backends.size(); ++i) by_id[planned.backends[i].id] = i;
    std::vector<std::uint32_t> rank(numbers_.records.size(), 0);
    std::uint32_t next = 0;
    for (const auto& [id, i] : by_id) {
      const fl_member& m = numbers_.records[planned.backends[i].member];
      meaning += id + "\n" + vip.backends[i].address.to_string() + "\n";
      number(m.state);
      number(m.weight);
      rank[planned.backends[i].member] = next++;
    }
    const auto& slots = numbers_.slots.at(planned.vip);
    std::vector<std::uint32_t> ranks((slots.size() + 15) / 16 * 16, kNobody);
    for (std::size_t s = 0; s < slots.size(); ++s) ranks[s] = rank[slots[s]];
    steer::LineChecksum sum;
    sum.add(ranks.data(), ranks.size() * sizeof ranks[0]);
    number(slots.size());
    number(sum.value());
  }

  const Plan::Numbers& committed_;
  Plan::Numbers numbers_;
  base::Nanoseconds now_;
  base::Nanoseconds hold_ = 0;
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
  plan.changed = content_ == 0 || content_of(plan) != content_;
  return plan;
}

void Steering::commit(const Plan& plan) {
  numbers_ = plan.numbers;
  content_ = content_of(plan);
}

std::optional<std::uint32_t> Steering::vip_number(const std::string& name) const {
  return numbers_->vips.find(name);
}
std::optional<std::uint32_t> Steering::backend_number(const std::string& id) const {
  return numbers_->backends.find(id);
}

}  // namespace fairlead::steering
