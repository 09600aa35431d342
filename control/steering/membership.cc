// SPDX-License-Identifier: BSD-3-Clause
// Numbering.
#include "control/steering/membership.hh"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "dataplane/steer/score.h"

namespace fairlead::steering {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

/// Flows may be a little older than their time-out says: clocks tick, workers lag behind.
constexpr base::Nanoseconds kHoldMargin = 30 * base::kSecond;

fl_member record_of(
    const model::Backend& b, net::IpProto protocol, std::uint32_t vip, std::uint32_t backend
) {
  fl_member m{};
  std::copy(b.address.bytes.begin(), b.address.bytes.end(), m.address);
  m.family = static_cast<std::uint8_t>(b.address.family);
  if (b.mac) std::copy(b.mac->bytes.begin(), b.mac->bytes.end(), m.mac);
  m.backend = backend;
  m.vip = vip;
  m.protocol = static_cast<std::uint8_t>(protocol);
  return m;
}

/// A book under construction.
class Registrar {
 public:
  Registrar(
      const Book& before,
      base::Nanoseconds hold,
      base::Nanoseconds now,
      std::vector<fl_member>& records,
      std::vector<MemberNumbers>& numbers
  )
      : book_(before), records_(records), numbers_(numbers), hold_(hold), now_(now) {}

  Result<Book> run(const std::vector<PoolIntent>& pools) {
    book_.rows.clear();
    release(pools);
    for (const PoolIntent& pool : pools) {
      FL_ASSIGN(MemberRow row, number(pool));
      book_.rows.push_back(std::move(row));
    }
    mark_free();
    return std::move(book_);
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
        const auto vip = book_.vips.find(pool.vip.name);
        const auto backend = book_.backends.find(b.id);
        if (vip && backend) members.insert({*vip, *backend, b.address});
      }
    const auto in = [](const auto& set) {
      return [&set](const auto& key) { return set.count(key) > 0; };
    };
    book_.members.release_unless(in(members), now_);
    book_.backends.release_unless(in(backends), now_);
    book_.vips.release_unless(in(vips), now_);
  }

  tl::unexpected<base::Error> exhausted(const std::string& what, std::uint32_t limit) const {
    return fail(
        ErrorCode::kResourceExhausted,
        what + ": all " + std::to_string(limit) + " numbers are in use or were in use less than " +
            std::to_string(hold_ / base::kSecond) + " s ago: wait, or remove something"
    );
  }

  /// Numbers of a pool and its members; puts the member records.
  Result<MemberRow> number(const PoolIntent& pool) {
    MemberRow row;
    row.edition = pool.edition;
    const auto vip = book_.vips.assign(pool.vip.name, now_, hold_, FL_MAX_VIPS);
    if (!vip) return exhausted("vip " + pool.vip.name, FL_MAX_VIPS);
    row.vip = *vip;
    for (const model::Backend& b : pool.vip.backends) {
      const auto name = [&] { return "vip " + pool.vip.name + ": backend " + b.id; };
      const auto backend = book_.backends.assign(b.id, now_, hold_, FL_MAX_BACKENDS);
      if (!backend) return exhausted(name(), FL_MAX_BACKENDS);
      const auto member =
          book_.members.assign({*vip, *backend, b.address}, now_, hold_, FL_MAX_MEMBERS);
      if (!member) return exhausted(name(), FL_MAX_MEMBERS);
      if (records_.size() <= *member) records_.resize(*member + 1, fl_member{});
      records_[*member] = record_of(b, pool.vip.protocol, *vip, *backend);
      row.members.push_back(*member);
      row.backends.push_back(*backend);
    }
    return row;
  }

  /// Members without a key keep their record (late packets are still counted for the right
  /// backend) but are free.
  void mark_free() {
    numbers_.resize(records_.size());
    std::vector<bool> used(records_.size(), false);
    for (const auto& [key, number] : book_.members.used()) used[number] = true;
    for (std::size_t i = 0; i < used.size(); ++i)
      if (!used[i]) {
        numbers_[i].state = FL_MEMBER_FREE;
        if (records_[i].family == 0) records_[i].family = 4;
      }
  }

  Book book_;
  std::vector<fl_member>& records_;
  std::vector<MemberNumbers>& numbers_;
  base::Nanoseconds hold_;
  base::Nanoseconds now_;
};

}  // namespace

bool knows(const Book& book, const std::vector<PoolIntent>& pools, const NodeIntent& node) {
  if (pools.empty() || book.rows.size() != pools.size() || book.key != node.hash_key) return false;
  for (std::size_t i = 0; i < pools.size(); ++i)
    if (pools[i].edition == 0 || pools[i].edition != book.rows[i].edition) return false;
  return true;
}

Result<Book> next_book(
    const Book& before,
    const std::vector<PoolIntent>& pools,
    std::uint32_t idle_ms,
    base::Nanoseconds now,
    std::vector<fl_member>& records,
    std::vector<MemberNumbers>& numbers
) {
  const base::Nanoseconds hold = idle_ms * base::kMillisecond + kHoldMargin;
  return Registrar(before, hold, now, records, numbers).run(pools);
}

MemberNumbers take_numbers(fl_member& record) {
  const MemberNumbers numbers{
      record.weight,
      record.inverse_weight,
      static_cast<std::uint16_t>(fl_member_parallel(&record)),
      record.state};
  put({}, record);
  return numbers;
}

fl_member Plan::member(std::uint32_t number) const {
  fl_member record = (*numbers->book->records)[number];
  put((*members)[number], record);
  return record;
}

std::vector<PlannedBackend> Plan::backends(std::size_t pool) const {
  const MemberRow& row = numbers->book->rows[pool];
  const PoolTable& table = *numbers->tables.at(row.vip).table;
  std::vector<PlannedBackend> out(row.members.size());
  for (std::size_t rank = 0; rank < out.size(); ++rank) {
    const std::uint32_t i = (*row.order)[rank];
    const std::uint32_t member = row.members[i];
    out[i] = {
        member,
        row.backends[i],
        (*members)[member].weight,
        (*table.counts)[rank],
        (*pools[pool].slots_before)[rank]};
  }
  return out;
}

PoolMeaning Meanings::of(const model::Vip& vip, const std::vector<std::uint32_t>& order) {
  PoolMeaning out;
  const auto number = [](std::string& text, std::uint64_t n) { text += std::to_string(n) + "\n"; };
  out.vip = vip.name + "\n" + vip.prefix.to_string() + "\n";
  number(out.vip, static_cast<std::uint64_t>(vip.protocol));
  number(out.vip, vip.port);
  number(out.vip, static_cast<std::uint64_t>(vip.encapsulation));
  number(out.vip, vip.choices);
  number(out.vip, vip.stateless ? 1 : 0);
  for (const model::QuicConfig& config : vip.quic) {
    out.vip += "quic ";
    number(out.vip, config.number);
    number(out.vip, config.server_id_bytes);
  }
  MembersMeaning members;
  members.ends.reserve(order.size());
  for (const std::uint32_t i : order) {
    const model::Backend& b = vip.backends[i];
    members.text += b.id + "\n" + b.address.to_string() + "\n";
    for (const std::uint8_t byte : b.server_id) number(members.text, byte);
    members.ends.push_back(static_cast<std::uint32_t>(members.text.size()));
  }
  const auto known = known_.find(members.text);
  if (known != known_.end() && known->second->ends == members.ends) {
    out.members = known->second;
    return out;
  }
  out.members = std::make_shared<const MembersMeaning>(std::move(members));
  known_.emplace(out.members->text, out.members);
  return out;
}

}  // namespace fairlead::steering
