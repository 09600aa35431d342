// SPDX-License-Identifier: BSD-3-Clause
// Steering after a restart: everything it must remember is in the bank it published last.
#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "control/steering/numbers.hh"
#include "control/steering/steering.hh"

namespace fairlead::steering {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

tl::unexpected<base::Error> unusable(const std::string& what) {
  return fail(ErrorCode::kDataLoss, "published generation: " + what);
}

model::Outgoing outgoing_of(const fl_bank& bank) {
  model::Outgoing o;
  net::IpAddr source4;
  std::copy(bank.outer_source4, bank.outer_source4 + 4, source4.bytes.begin());
  if (source4 != net::IpAddr{}) o.source4 = net::Prefix{source4, 32 - bank.outer_entropy4};
  net::IpAddr source6{{}, net::Family::kIpv6};
  std::copy(bank.outer_source6, bank.outer_source6 + 16, source6.bytes.begin());
  if (source6 != net::IpAddr{{}, net::Family::kIpv6})
    o.source6 = net::Prefix{source6, 128 - bank.outer_entropy6};
  o.ttl = bank.outer_ttl;
  if (bank.outer_dscp != FL_OUTER_DSCP_INNER) o.dscp = bank.outer_dscp;
  if ((bank.outer_flags & FL_OUTER_DF_INNER) != 0) o.df = model::OuterDf::kCopy;
  if ((bank.outer_flags & FL_OUTER_DF_CLEAR) != 0) o.df = model::OuterDf::kClear;
  o.udp_checksum = (bank.outer_flags & FL_OUTER_UDP_CHECKSUM) != 0;
  o.icmp_from_node = (bank.outer_flags & FL_ICMP_FROM_NODE) != 0;
  o.icmp_error_limit = bank.icmp_error_limit;
  o.icmp_echo_limit = bank.icmp_echo_limit;
  return o;
}

NodeIntent node_of(const fl_bank& bank) {
  NodeIntent node;
  node.hash_key = {bank.hash_key[0], bank.hash_key[1]};
  net::IpAddr address4;
  std::copy(bank.node_address4, bank.node_address4 + 4, address4.bytes.begin());
  if (address4 != net::IpAddr{}) node.address4 = address4;
  net::IpAddr address6{{}, net::Family::kIpv6};
  std::copy(bank.node_address6, bank.node_address6 + 16, address6.bytes.begin());
  if (address6 != net::IpAddr{{}, net::Family::kIpv6}) node.address6 = address6;
  node.outgoing = outgoing_of(bank);
  node.new_flow_limit = bank.new_flow_limit;
  node.idle_new_ms = bank.idle_new_ms;
  node.idle_confirmed_ms = bank.idle_confirmed_ms;
  node.idle_closing_ms = bank.idle_closing_ms;
  node.idle_reset_ms = bank.idle_reset_ms;
  node.idle_adopted_ms = bank.idle_adopted_ms;
  node.idle_udp_ms = bank.idle_udp_ms;
  node.idle_udp_new_ms = bank.idle_udp_new_ms;
  return node;
}

Result<bool> restore_names(
    const std::vector<std::string>& names, Numbering<std::string>& numbers, base::Nanoseconds now
) {
  for (std::uint32_t n = 0; n < names.size(); ++n)
    if (!names[n].empty() && !numbers.restore(names[n], n, now))
      return unusable("name " + names[n] + " occurs twice");
  return true;
}

Result<bool> restore_members(
    const steer::TableView& table, const steer::Names& names, Book& book, base::Nanoseconds now
) {
  for (std::uint32_t n = 0; n < table.member_count(); ++n) {
    const fl_member& m = table.member(n);
    book.backends.extend(m.backend + 1, now);
    if (m.state == FL_MEMBER_FREE) continue;
    if (names.vip(m.vip).empty() || names.backend(m.backend).empty())
      return unusable("member " + std::to_string(n) + " has no name");
    MemberKey key{m.vip, m.backend, {{}, static_cast<net::Family>(m.family)}};
    std::copy(m.address, m.address + 16, key.address.bytes.begin());
    if (!book.members.restore(key, n, now))
      return unusable("member " + std::to_string(n) + " occurs twice");
  }
  book.members.extend(table.member_count(), now);
  return true;
}

/// A vip's backends, as its table's positions mean them.
struct Pool {
  Ids ids;
  std::vector<std::uint32_t> weights;  // in the table: 0 unless active
};

Result<Pool> pool_of(const steer::TableView& table, const steer::Names& names, const fl_vip& vip) {
  std::vector<std::string> ids;
  Pool pool;
  for (const std::uint32_t n : table.pool(vip)) {
    const fl_member& m = table.member(n);
    ids.emplace_back(names.backend(m.backend));
    pool.weights.push_back(m.weight);
    if (m.state == FL_MEMBER_FREE || m.vip != vip.vip)
      return unusable("member " + std::to_string(n) + " is in a pool that is not its own");
  }
  if (std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) != ids.end())
    return unusable("the pool of vip " + std::to_string(vip.vip) + " is out of order");
  pool.ids = std::make_shared<const std::vector<std::string>>(std::move(ids));
  return pool;
}

/// Tables that vips have together in the bank are one again.
class Tables {
 public:
  SharedTable add(const steer::TableView& table, const fl_vip& vip, Pool pool) {
    const auto [begin, end] = by_line_.equal_range(vip.slots_line);
    for (auto it = begin; it != end; ++it) {
      const PoolTable& known = *it->second;
      if (known.size == vip.table_size && known.published == pool.weights &&
          same_ids(known.ids, pool.ids))
        return it->second;
    }
    const auto restored =
        restored_table(table.slots(vip), std::move(pool.ids), std::move(pool.weights));
    by_line_.emplace(vip.slots_line, restored);
    return restored;
  }

 private:
  std::multimap<std::uint32_t, SharedTable> by_line_;
};

/// The vip's QUIC servers; none where it has no index.
std::vector<fl_quic_server> quic_of(const steer::TableView& table, const fl_vip& vip) {
  if (vip.quic_line == 0) return {};
  const auto* lines = reinterpret_cast<const std::byte*>(&table.bank());
  const auto* first =
      reinterpret_cast<const fl_quic_server*>(lines + std::size_t{vip.quic_line} * FL_LINE_BYTES);
  return {first, first + vip.quic_mask + 1};
}

}  // namespace

Result<Steering> Steering::restore(const steer::TableView& table, base::Nanoseconds now) {
  Steering steering;
  if (!table.valid()) return steering;
  const steer::Names names = steer::read_names(table);
  Plan plan;
  Plan::Numbers numbers;
  Book book;
  FL_TRY(restore_names(names.vips, book.vips, now));
  FL_TRY(restore_names(names.backends, book.backends, now));
  FL_TRY(restore_members(table, names, book, now));
  std::vector<fl_member> records(table.members().begin(), table.members().end());
  std::vector<MemberNumbers> members;
  members.reserve(records.size());
  for (fl_member& record : records) members.push_back(take_numbers(record));
  numbers.members = std::make_shared<const std::vector<MemberNumbers>>(std::move(members));
  close_records(book, std::move(records));
  numbers.book = std::make_shared<const Book>(std::move(book));
  Tables tables;
  for (const fl_vip& v : table.vips()) {
    if (names.vip(v.vip).empty()) return unusable("vip " + std::to_string(v.vip) + " has no name");
    FL_ASSIGN(Pool pool, pool_of(table, names, v));
    plan.tables.push_back(tables.add(table, v, std::move(pool)));
    numbers.tables[v.vip].table = plan.tables.back();
    plan.pools_members.push_back(std::make_shared<const std::vector<std::uint32_t>>(
        table.pool(v).begin(), table.pool(v).end()
    ));
    plan.vips.push_back(v);
    plan.vips.back().slots_line = 0;
    plan.vips.back().pool_line = 0;
    plan.vips.back().quic_line = 0;
    plan.quic.push_back(quic_of(table, v));
  }
  plan.node = node_of(table.bank());
  numbers.idle_ms = longest_idle_ms(plan.node);
  plan.digest = table.digest();
  plan.members = numbers.members;
  plan.numbers = std::make_shared<const Plan::Numbers>(std::move(numbers));
  plan.content = content_of(plan);
  steering.commit(plan);
  return steering;
}

}  // namespace fairlead::steering
