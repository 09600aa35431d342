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

namespace fairlead::steering {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

/// One plan under construction.
class Planner {
 public:
  Planner(const Plan::Numbers& committed, const NodeIntent& node, base::Nanoseconds now)
      : numbers_(committed), members_(*committed.members), now_(now) {
    plan_.node = node;
    numbers_.idle_ms = std::max(numbers_.idle_ms, longest_idle_ms(node));
  }

  /// `known`: knows() says so.
  Result<Plan> run(const std::vector<PoolIntent>& pools, bool known) {
    known_ = known;
    if (!known) FL_TRY(open_book(pools));
    const Book& book = known ? *numbers_.book : next_;
    plan_.pools.reserve(pools.size());
    for (std::size_t i = 0; i < pools.size(); ++i) {
      FL_TRY(build(pools[i], book.rows[i]));
    }
    order_vips(book);
    numbers_.members = std::make_shared<const std::vector<MemberNumbers>>(std::move(members_));
    plan_.members = numbers_.members;
    if (!known) numbers_.book = std::make_shared<const Book>(std::move(next_));
    digest();
    plan_.numbers = std::make_shared<const Plan::Numbers>(std::move(numbers_));
    return std::move(plan_);
  }

 private:
  /// All that is looked up by name, for this plan and those that know its pools.
  Result<bool> open_book(const std::vector<PoolIntent>& pools) {
    std::vector<fl_member> records = *numbers_.book->records;
    FL_ASSIGN(next_, next_book(*numbers_.book, pools, numbers_.idle_ms, now_, records, members_));
    forget_tables();
    Meanings meanings;
    for (std::size_t i = 0; i < pools.size(); ++i) {
      MemberRow& row = next_.rows[i];
      place(pools[i].vip.backends, row);
      row.meaning = meanings.of(pools[i].vip, *row.order);
    }
    close_records(next_, std::move(records));
    next_.key = plan_.node.hash_key;
    return true;
  }

  /// What positions in the pool's table mean.
  void place(const std::vector<model::Backend>& backends, MemberRow& row) {
    VipTable& vip = numbers_.tables[row.vip];
    if (!still_orders(vip, backends)) {
      vip.order = order_of(backends);
      orders_anew_.insert(row.vip);
    }
    vip.order = known_list(*vip.order);
    row.order = vip.order;
    std::vector<std::uint32_t> pool;
    std::vector<std::uint32_t> configured;
    pool.reserve(backends.size());
    configured.reserve(backends.size());
    for (const std::uint32_t i : *vip.order) {
      pool.push_back(row.members[i]);
      configured.push_back(backends[i].weight);
    }
    row.pool = std::make_shared<const std::vector<std::uint32_t>>(std::move(pool));
    row.configured = known_list(std::move(configured));
  }

  /// The list that an earlier pool has, if it is the same.
  SharedNumbers known_list(std::vector<std::uint32_t> list) {
    for (const SharedNumbers& known : lists_)
      if (*known == list) return known;
    lists_.push_back(std::make_shared<const std::vector<std::uint32_t>>(std::move(list)));
    return lists_.back();
  }

  static Order order_of(const std::vector<model::Backend>& backends) {
    std::vector<std::uint32_t> order(backends.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return backends[a].id < backends[b].id;
    });
    return std::make_shared<const std::vector<std::uint32_t>>(std::move(order));
  }

  /// What the intents of a pool say of its members, by position in the table. Pools that say the
  /// same have the same: 100 vips of 1000 backends are one list to make.
  struct Said {
    std::uint64_t numbers = 0;  // of the intent
    Order order;
    SharedNumbers configured;
    std::vector<MemberNumbers> records;
    SharedMembers members;
    std::uint32_t active = 0;  // with slots
  };
  using SharedSaid = std::shared_ptr<const Said>;

  SharedSaid said_by(const PoolIntent& pool, const MemberRow& row) {
    const auto same = std::find_if(said_.begin(), said_.end(), [&](const SharedSaid& s) {
      return s->numbers == pool.numbers && s->order == row.order && s->configured == row.configured;
    });
    if (pool.numbers != 0 && same != said_.end()) return *same;
    auto said = std::make_shared<Said>(Said{pool.numbers, row.order, row.configured, {}, {}, 0});
    std::vector<TableMember> members;
    said->records.reserve(row.order->size());
    members.reserve(row.order->size());
    for (std::size_t rank = 0; rank < row.order->size(); ++rank) {
      const BackendIntent& intent = pool.backends[(*row.order)[rank]];
      const bool active = intent.state == FL_MEMBER_ACTIVE;
      members.push_back({(*row.configured)[rank], intent.weight, active});
      said->records.push_back(numbers_of(intent));
      said->active += said->records.back().weight > 0 ? 1 : 0;
    }
    said->members = std::make_shared<const std::vector<TableMember>>(std::move(members));
    for (const SharedSaid& known : said_)  // in a fleet nobody knows before that they are equal
      if (known->order == said->order && known->records == said->records &&
          is_equal(known->members, said->members))
        return known;
    said_.push_back(said);
    return said;
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
    if (table.table == nullptr || table.order == nullptr) return false;
    if (table.order->size() != backends.size()) return false;
    const std::vector<std::string>& ids = *table.table->ids;
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (backends[(*table.order)[i]].id != ids[i]) return false;
    return true;
  }

  /// The ids of backends in the vip's order: those that it or another vip has if they are the same.
  Ids ids_of(const std::vector<model::Backend>& backends, const VipTable& vip) {
    std::vector<std::string> ids;
    ids.reserve(vip.order->size());
    for (const std::uint32_t i : *vip.order) ids.push_back(backends[i].id);
    if (vip.table != nullptr && *vip.table->ids == ids) return vip.table->ids;
    for (const Ids& known : ids_)
      if (*known == ids) return known;
    ids_.push_back(std::make_shared<const std::vector<std::string>>(std::move(ids)));
    return ids_.back();
  }

  /// What the pool's table follows from.
  TableInput input_of(
      const PoolIntent& pool, const MemberRow& row, const Said& said, VipTable& vip
  ) {
    TableInput in;
    in.previous = vip.table;
    in.ids = orders_anew_.count(row.vip) == 0 ? vip.table->ids : ids_of(pool.vip.backends, vip);
    in.members = said.members;
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

  /// The pool's table, after its previous one, and its members' numbers.
  Result<bool> build(const PoolIntent& pool, const MemberRow& row) {
    const SharedSaid said = said_by(pool, row);
    said_of_.push_back(said);
    for (std::size_t rank = 0; rank < row.pool->size(); ++rank)
      members_[(*row.pool)[rank]] = said->records[rank];
    VipTable& vip = numbers_.tables[row.vip];
    auto next = follow(input_of(pool, row, *said, vip));
    if (!next) return base::annotate("vip " + pool.vip.name, next.error());
    vip.table = next->table;
    const auto size = static_cast<std::uint32_t>(vip.table->slots.size());
    plan_.pools.push_back({pool.vip.name, row.vip, size, next->moved, std::move(next->slots_before)}
    );
    plan_.vips.push_back(vip_record(pool.vip, plan_.pools.back()));
    plan_.vips.back().active_members = said->active;
    if (pool.only_node) plan_.vips.back().flags |= FL_VIP_ONLY_NODE;
    quic_[row.vip] = quic_index(pool.vip, row.members);
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
    return v;
  }

  void order_vips(const Book& book) {
    std::map<std::uint32_t, PoolMembers> pools;  // by vip number
    for (const MemberRow& row : book.rows) pools.emplace(row.vip, row.pool);
    std::sort(plan_.vips.begin(), plan_.vips.end(), [](const fl_vip& a, const fl_vip& b) {
      return a.vip < b.vip;
    });
    for (fl_vip& v : plan_.vips) {
      plan_.tables.push_back(numbers_.tables[v.vip].table);
      plan_.pools_members.push_back(pools.at(v.vip));
      v.pool_size = static_cast<std::uint16_t>(plan_.pools_members.back()->size());
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
      most += m.vip.size() + m.members->text.size() + (m.members->ends.size() + 1) * 2 * kDigits;
    }
    std::string text;
    text.reserve(most);
    std::vector<Told> told;
    for (const auto& [name, i] : by_name)
      append_meaning(numbers_.book->rows[i], said_of_[i], told, text);
    plan_.digest = keyed_hash(plan_.node.hash_key, text);
  }

  /// A pool's part of the text but its vip's line, and what it follows from.
  struct Told {
    std::shared_ptr<const MembersMeaning> meaning;
    SharedTable table;
    SharedSaid said;
    std::size_t begin = 0;
    std::size_t bytes = 0;
  };

  /// Equal pools say the same: 100 vips of 1000 backends are one text to write and 99 to copy.
  void append_meaning(
      const MemberRow& row, const SharedSaid& said, std::vector<Told>& told, std::string& text
  ) const {
    text += row.meaning.vip;
    Told mine{row.meaning.members, numbers_.tables.at(row.vip).table, said, text.size(), 0};
    const auto same = std::find_if(told.begin(), told.end(), [&](const Told& t) {
      return t.meaning == mine.meaning && t.table == mine.table && t.said == mine.said;
    });
    if (same != told.end()) {
      text.append(text, same->begin, same->bytes);
      return;
    }
    append_members(mine, text);
    mine.bytes = text.size() - mine.begin;
    told.push_back(std::move(mine));
  }

  static void append_members(const Told& told, std::string& text) {
    std::size_t at = 0;
    for (std::size_t rank = 0; rank < told.said->records.size(); ++rank) {
      text.append(told.meaning->text, at, told.meaning->ends[rank] - at);
      at = told.meaning->ends[rank];
      append_number(text, told.said->records[rank].state);
      append_number(text, told.said->records[rank].weight);
    }
    append_number(text, told.table->slots.size());
    append_number(text, told.table->meaning);
  }

  static void append_number(std::string& text, std::uint64_t number) {
    char digits[kDigits];
    char* const end = std::to_chars(digits, digits + kDigits - 1, number).ptr;
    *end = '\n';
    text.append(digits, end + 1);
  }

  static constexpr std::size_t kDigits = 21;  // of 64 bits, and the end of the line

  Plan::Numbers numbers_;
  std::vector<MemberNumbers> members_;   // by member number
  bool known_ = false;                   // no pool has changed its members
  Book next_;                            // unless known
  std::set<std::uint32_t> orders_anew_;  // vip numbers: their tables are of other backends
  base::Nanoseconds now_;
  std::map<std::uint32_t, std::vector<fl_quic_server>> quic_;          // by vip number
  std::vector<Ids> ids_;                                               // that no table had before
  std::vector<SharedNumbers> lists_;                                   // orders, weights
  std::vector<SharedSaid> said_;                                       // each once
  std::vector<SharedSaid> said_of_;                                    // by intent
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
