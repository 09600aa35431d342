// SPDX-License-Identifier: BSD-3-Clause
// Planning: numbers first, then a table per vip, then what the whole means.
#include "control/steering/steering.hh"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>

#include "control/steering/membership.hh"
#include "control/steering/numbers.hh"
#include "control/steering/quic_index.hh"
#include "control/steering/validate.hh"
#include "dataplane/steer/score.h"

namespace fairlead::steering {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

/// One plan under construction.
class Planner {
 public:
  Planner(const Plan::Numbers& committed, const NodeIntent& node, base::Nanoseconds now)
      : numbers_(committed), records_(*committed.records), now_(now) {
    plan_.node = node;
    numbers_.idle_ms = std::max(numbers_.idle_ms, longest_idle_ms(node));
  }

  /// `known`: knows() says so.
  Result<Plan> run(const std::vector<PoolIntent>& pools, bool known) {
    known_ = known;
    if (!known) {
      FL_ASSIGN(next_, next_book(*numbers_.book, pools, numbers_.idle_ms, now_, records_));
      forget_tables();
    }
    const Book& book = known ? *numbers_.book : next_;
    for (std::size_t i = 0; i < pools.size(); ++i) {
      plan_.pools.push_back(planned(pools[i], book.rows[i]));
      FL_TRY(build(pools[i], plan_.pools.back()));
    }
    order_vips();
    numbers_.records = std::make_shared<const std::vector<fl_member>>(std::move(records_));
    plan_.members = numbers_.records;
    if (!known) close_book(pools);
    digest();
    plan_.numbers = std::make_shared<const Plan::Numbers>(std::move(numbers_));
    return std::move(plan_);
  }

 private:
  /// What names mean, after the pools' orders are known.
  void close_book(const std::vector<PoolIntent>& pools) {
    next_.key = plan_.node.hash_key;
    next_.names = names_section(next_);
    for (std::size_t i = 0; i < pools.size(); ++i)
      next_.rows[i].meaning = meaning_of(pools[i].vip, numbers_.tables.at(next_.rows[i].vip).order);
    numbers_.book = std::make_shared<const Book>(std::move(next_));
  }

  /// The pool's numbers; puts what its intents say into the member records.
  PlannedPool planned(const PoolIntent& pool, const MemberRow& row) {
    PlannedPool planned;
    planned.name = pool.vip.name;
    planned.vip = row.vip;
    planned.backends.resize(row.members.size());
    for (std::size_t i = 0; i < row.members.size(); ++i) {
      fl_member& record = records_[row.members[i]];
      put_numbers(pool.backends[i], record);
      PlannedBackend& backend = planned.backends[i];
      backend.member = row.members[i];
      backend.backend = row.backends[i];
      backend.weight = record.weight;
    }
    return planned;
  }

  /// Of vips that are gone.
  void forget_tables() {
    std::set<std::uint32_t> vips;
    for (const MemberRow& row : next_.rows) vips.insert(row.vip);
    std::erase_if(numbers_.tables, [&](const auto& row) { return vips.count(row.first) == 0; });
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
    if (known_ || still_orders(vip, backends)) {
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
    if (!known_ || vip.asked != pool.base) {
      vip.asked = pool.base;
      vip.fits = pool.base != nullptr && pool.base->fits(base_shape(pool.vip));
    }
    in.fleet = {pool.base, vip.fits};
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
    members_[planned.vip].reserve(vip.order.size());
    for (std::size_t rank = 0; rank < vip.order.size(); ++rank) {
      planned.backends[vip.order[rank]].slots = vip.table->counts[rank];
      planned.backends[vip.order[rank]].slots_before = next->slots_before[rank];
      members_[planned.vip].push_back(planned.backends[vip.order[rank]].member);
    }
    plan_.vips.push_back(vip_record(pool.vip, planned));
    if (pool.only_node) plan_.vips.back().flags |= FL_VIP_ONLY_NODE;
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
  void digest() {
    std::map<std::string, std::size_t> by_name;
    std::size_t most = 0;  // bytes; a text that grows costs ten times as much
    for (std::size_t i = 0; i < plan_.pools.size(); ++i) {
      by_name[plan_.pools[i].name] = i;
      const PoolMeaning& m = numbers_.book->rows[i].meaning;
      most += m.vip.size() + m.members.size() + (m.ends.size() + 1) * 2 * kDigits;
    }
    std::string text;
    text.reserve(most);
    for (const auto& [name, i] : by_name)
      append_meaning(plan_.pools[i], numbers_.book->rows[i].meaning, text);
    plan_.digest = keyed_hash(plan_.node.hash_key, text);
  }

  void append_meaning(const PlannedPool& planned, const PoolMeaning& meaning, std::string& text)
      const {
    const VipTable& table = numbers_.tables.at(planned.vip);
    text += meaning.vip;
    std::size_t at = 0;
    for (std::size_t rank = 0; rank < meaning.ends.size(); ++rank) {
      text.append(meaning.members, at, meaning.ends[rank] - at);
      at = meaning.ends[rank];
      const fl_member& m = (*plan_.members)[planned.backends[table.order[rank]].member];
      append_number(text, m.state);
      append_number(text, m.weight);
    }
    append_number(text, table.table->slots.size());
    append_number(text, table.table->meaning);
  }

  static void append_number(std::string& text, std::uint64_t number) {
    char digits[kDigits];
    char* const end = std::to_chars(digits, digits + kDigits - 1, number).ptr;
    *end = '\n';
    text.append(digits, end + 1);
  }

  static constexpr std::size_t kDigits = 21;  // of 64 bits, and the end of the line

  Plan::Numbers numbers_;
  std::vector<fl_member> records_;  // by member number
  bool known_ = false;              // no pool has changed its members
  Book next_;                       // unless known
  base::Nanoseconds now_;
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
  const bool known = knows(*numbers_->book, pools, node);
  FL_TRY(known ? validate_numbers(pools, node) : validate(pools, node));
  FL_ASSIGN(Plan plan, Planner(*numbers_, node, now).run(pools, known));
  plan.content = content_of(plan);
  plan.changed = content_ == 0 || plan.content != content_;
  return plan;
}

void Steering::commit(const Plan& plan) {
  numbers_ = plan.numbers;
  content_ = plan.content;
}

std::optional<std::uint32_t> Steering::vip_number(const std::string& name) const {
  return numbers_->book->vips.find(name);
}
std::optional<std::uint32_t> Steering::backend_number(const std::string& id) const {
  return numbers_->book->backends.find(id);
}

}  // namespace fairlead::steering
