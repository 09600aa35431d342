// SPDX-License-Identifier: BSD-3-Clause
// Stable numbers for names: given out once, given out again only when nothing can still mean the
// old owner.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/steering/steering.hh"
#include "dataplane/steer/score.h"

namespace fairlead::steering {

/// Numbers 0..limit-1 for keys. Copyable: a plan works on a copy.
template <typename Key>
class Numbering {
 public:
  [[nodiscard]] std::optional<std::uint32_t> find(const Key& key) const {
    const auto it = used_.find(key);
    if (it == used_.end()) return std::nullopt;
    return it->second;
  }

  /// The key's number; a new key gets the lowest number that was never used or was freed at least
  /// `hold` ago. None: all below `limit` are used or held.
  std::optional<std::uint32_t> assign(
      const Key& key, base::Nanoseconds now, base::Nanoseconds hold, std::uint32_t limit
  ) {
    if (const auto number = find(key)) return number;
    for (auto it = freed_.begin(); it != freed_.end(); ++it) {
      if (it->second + hold > now) continue;
      const std::uint32_t number = it->first;
      freed_.erase(it);
      used_.emplace(key, number);
      return number;
    }
    if (end_ >= limit) return std::nullopt;
    used_.emplace(key, end_);
    return end_++;
  }

  /// Frees the numbers of keys for which `keep(key)` is false.
  template <typename Keep>
  void release_unless(Keep keep, base::Nanoseconds now) {
    for (auto it = used_.begin(); it != used_.end();) {
      if (keep(it->first)) {
        ++it;
      } else {
        freed_.emplace(it->second, now);
        it = used_.erase(it);
      }
    }
  }

  /// Takes over a number in use; numbers below that nobody uses count as freed `now`.
  /// Returns: false when the key or the number is taken already.
  bool restore(const Key& key, std::uint32_t number, base::Nanoseconds now) {
    extend(number + 1, now);
    return freed_.erase(number) == 1 && used_.emplace(key, number).second;
  }
  /// Numbers below `end` have been in use.
  void extend(std::uint32_t end, base::Nanoseconds now) {
    for (; end_ < end; ++end_) freed_.emplace(end_, now);
  }

  [[nodiscard]] const std::map<Key, std::uint32_t>& used() const { return used_; }
  [[nodiscard]] std::uint32_t end() const { return end_; }  // above every number ever used

 private:
  std::map<Key, std::uint32_t> used_;
  std::map<std::uint32_t, base::Nanoseconds> freed_;
  std::uint32_t end_ = 0;
};

/// A backend's place in a pool. A new address is a new member: flows of the old one re-decide.
struct MemberKey {
  std::uint32_t vip = 0;
  std::uint32_t backend = 0;
  net::IpAddr address;
  friend auto operator<=>(const MemberKey&, const MemberKey&) = default;
};

/// Where the configuration has the backends that a table's positions mean.
using Order = SharedNumbers;

/// A vip's table.
struct VipTable {
  SharedTable table;  // null: none yet
  Order order;        // null: not known (restored)
  SharedBase asked;   // stored base whose fit is known
  bool fits = false;
};

/// What a pool's members mean by names and addresses, as text: part of the digest. Equal ones are
/// the same object.
struct MembersMeaning {
  std::string text;                 // by rising id
  std::vector<std::uint32_t> ends;  // of each member's
};
/// The same of a vip with its members.
struct PoolMeaning {
  std::string vip;
  std::shared_ptr<const MembersMeaning> members;
};

/// A pool's members, as the last plan numbered them.
struct MemberRow {
  std::uint64_t edition = 0;  // of the intent
  std::uint32_t vip = 0;
  // As the configuration lists them.
  std::vector<std::uint32_t> members;
  std::vector<std::uint32_t> backends;
  // By position in the table: what a plan needs of 100,000 members lies side by side. Equal orders
  // and weights are one.
  Order order;
  SharedNumbers configured;  // weights
  PoolMembers pool;
  PoolMeaning meaning;
};

/// Who has which number. Immutable and shared by plans while no pool changes its members.
struct Book {
  Numbering<std::string> vips;
  Numbering<std::string> backends;
  Numbering<MemberKey> members;
  std::string names;  // section of a bank
  /// By member number, without their MemberNumbers.
  std::shared_ptr<const std::vector<fl_member>> records =
      std::make_shared<const std::vector<fl_member>>();
  std::uint64_t sum = 0;        // of names and records
  std::vector<MemberRow> rows;  // by intent; none: restored
  HashKey key{};                // that tables were made with
};

/// Everything that must survive from one plan to the next.
struct Plan::Numbers {
  std::shared_ptr<const Book> book = std::make_shared<const Book>();
  std::shared_ptr<const std::vector<MemberNumbers>> members =
      std::make_shared<const std::vector<MemberNumbers>>();  // by member number
  std::map<std::uint32_t, VipTable> tables;                  // by vip number
  std::uint32_t idle_ms = 0;                                 // longest time-out ever in force
};

/// The names section of a bank.
std::string names_section(const Book& book);

/// Puts names, records and their sum, once all else is known. `records`: by member number.
void close_records(Book& book, std::vector<fl_member> records);

inline void put(const MemberNumbers& numbers, fl_member& record) {
  record.state = static_cast<std::uint8_t>(numbers.state);
  record.weight = numbers.weight;
  record.inverse_weight = numbers.inverse_weight;
  fl_set_member_parallel(&record, numbers.parallel);
}
/// Out of a record, which has none then.
MemberNumbers take_numbers(fl_member& record);

/// Checksum of all that a bank says but its generation and time.
std::uint64_t content_of(const Plan& plan);

/// The longest of a node's flow time-outs.
std::uint32_t longest_idle_ms(const NodeIntent& node);

}  // namespace fairlead::steering
