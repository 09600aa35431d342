// SPDX-License-Identifier: BSD-3-Clause
// A plan as bytes: the layout of steer/abi.h.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "control/steering/numbers.hh"
#include "control/steering/steering.hh"
#include "dataplane/base/check.hh"
#include "dataplane/steer/bank_checksum.hh"

namespace fairlead::steering {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

std::uint32_t lines(std::uint64_t bytes) {
  return static_cast<std::uint32_t>((bytes + FL_LINE_BYTES - 1) / FL_LINE_BYTES);
}

/// Distinct shapes of the vips, most specific first: longer prefix, then exact port.
std::vector<fl_shape> shapes_of(const std::vector<fl_vip>& vips) {
  std::vector<fl_shape> shapes;
  for (const fl_vip& v : vips) {
    const bool any_port = v.port[0] == 0 && v.port[1] == 0;
    shapes.push_back({v.family, v.prefix_len, static_cast<std::uint8_t>(any_port ? 1 : 0), 0});
  }
  const auto key = [](const fl_shape& s) {
    return std::array<int, 3>{s.family, -s.prefix_len, s.any_port};
  };
  std::sort(shapes.begin(), shapes.end(), [&](const fl_shape& a, const fl_shape& b) {
    return key(a) < key(b);
  });
  const auto end = std::unique(shapes.begin(), shapes.end(), [&](const auto& a, const auto& b) {
    return key(a) == key(b);
  });
  shapes.erase(end, shapes.end());
  return shapes;
}

/// Fills an index of `mask` + 1 entries; false when a vip would lie more than FL_VIP_PROBES away.
bool fill_index(
    const std::vector<fl_vip>& vips, std::uint32_t mask, std::vector<std::uint16_t>& index
) {
  index.assign(std::size_t{mask} + 1, FL_VIP_EMPTY);
  for (std::size_t i = 0; i < vips.size(); ++i) {
    const fl_vip& v = vips[i];
    std::uint64_t address[2];
    std::uint16_t port;
    std::memcpy(address, v.address, sizeof address);
    std::memcpy(&port, v.port, sizeof port);
    const std::uint32_t start = fl_vip_hash(address[0], address[1], v.protocol, port);
    std::uint32_t step = 0;
    while (step < FL_VIP_PROBES && index[(start + step) & mask] != FL_VIP_EMPTY) ++step;
    if (step == FL_VIP_PROBES) return false;
    index[(start + step) & mask] = static_cast<std::uint16_t>(i);
  }
  return true;
}

/// Smallest index, at most half full, in which every vip is found within FL_VIP_PROBES steps.
Result<std::vector<std::uint16_t>> index_of(const std::vector<fl_vip>& vips) {
  std::vector<std::uint16_t> index;
  for (std::uint32_t size = 32; size <= 65536; size *= 2)
    if (size >= 2 * vips.size() && fill_index(vips, size - 1, index)) return index;
  return fail(ErrorCode::kResourceExhausted, "the vip index cannot be built: too many collisions");
}

/// The outer source of a family: the configured prefix, else the node's address. Returns: how many
/// of its low bits are the flow's.
std::uint8_t put_source(
    const std::optional<net::Prefix>& prefix,
    const std::optional<net::IpAddr>& address,
    std::span<std::uint8_t> out
) {
  if (!prefix && !address) return 0;
  const net::IpAddr source = prefix ? prefix->address.masked(prefix->length) : *address;
  std::memcpy(out.data(), source.bytes.data(), out.size());
  return prefix ? static_cast<std::uint8_t>(prefix->address.bits() - prefix->length) : 0;
}

void put_outgoing(const NodeIntent& node, fl_bank& bank) {
  const model::Outgoing& o = node.outgoing;
  bank.outer_entropy4 = put_source(o.source4, node.address4, bank.outer_source4);
  bank.outer_entropy6 = put_source(o.source6, node.address6, bank.outer_source6);
  bank.outer_ttl = o.ttl;
  bank.outer_dscp = o.dscp.value_or(FL_OUTER_DSCP_INNER);
  unsigned flags = 0;
  if (o.df == model::OuterDf::kClear) flags |= FL_OUTER_DF_CLEAR;
  if (o.df == model::OuterDf::kCopy) flags |= FL_OUTER_DF_INNER;
  if (o.udp_checksum) flags |= FL_OUTER_UDP_CHECKSUM;
  if (o.icmp_from_node) flags |= FL_ICMP_FROM_NODE;
  bank.outer_flags = static_cast<std::uint8_t>(flags);
  bank.icmp_error_limit = o.icmp_error_limit;
  bank.icmp_echo_limit = o.icmp_echo_limit;
}

void put_node(const NodeIntent& node, fl_bank& bank) {
  bank.hash_key[0] = node.hash_key[0];
  bank.hash_key[1] = node.hash_key[1];
  if (node.address4) std::memcpy(bank.node_address4, node.address4->bytes.data(), 4);
  if (node.address6) std::memcpy(bank.node_address6, node.address6->bytes.data(), 16);
  put_outgoing(node, bank);
  bank.new_flow_limit = node.new_flow_limit;
  bank.idle_new_ms = node.idle_new_ms;
  bank.idle_confirmed_ms = node.idle_confirmed_ms;
  bank.idle_closing_ms = node.idle_closing_ms;
  bank.idle_reset_ms = node.idle_reset_ms;
  bank.idle_adopted_ms = node.idle_adopted_ms;
  bank.idle_udp_ms = node.idle_udp_ms;
  bank.idle_udp_new_ms = node.idle_udp_new_ms;
}

void add_padded(steer::LineChecksum& sum, const void* data, std::size_t bytes) {
  const std::size_t whole = bytes / FL_LINE_BYTES * FL_LINE_BYTES;
  unsigned char last[FL_LINE_BYTES] = {};
  if (bytes > whole) std::memcpy(last, static_cast<const char*>(data) + whole, bytes - whole);
  sum.add(data, whole);
  sum.add(last, sizeof last);
}

/// Appends sections to a bank, each at a line.
class BankWriter {
 public:
  explicit BankWriter(std::span<std::byte> bank) : bank_(bank) {}

  /// Returns: the section's first line. Requires: room (encode() has checked it).
  std::uint32_t add(const void* data, std::size_t bytes) {
    const std::uint32_t line = next_;
    std::byte* to = bank_.data() + std::size_t{line} * FL_LINE_BYTES;
    const std::size_t padded = std::size_t{lines(bytes)} * FL_LINE_BYTES;
    if (bytes > 0) std::memcpy(to, data, bytes);
    std::memset(to + bytes, 0, padded - bytes);
    next_ += lines(bytes);
    return line;
  }
  /// The same of records of a line each, with their numbers.
  std::uint32_t add(
      const std::vector<fl_member>& records, const std::vector<MemberNumbers>& numbers
  ) {
    const std::uint32_t line = next_;
    auto* to = reinterpret_cast<fl_member*>(bank_.data() + std::size_t{line} * FL_LINE_BYTES);
    for (std::size_t n = 0; n < records.size(); ++n) {
      to[n] = records[n];
      put(numbers[n], to[n]);
    }
    next_ += static_cast<std::uint32_t>(records.size());
    return line;
  }
  [[nodiscard]] std::uint32_t used_bytes() const { return next_ * FL_LINE_BYTES; }

 private:
  std::span<std::byte> bank_;
  std::uint32_t next_ = lines(FL_BANK_HEADER_BYTES);
};

}  // namespace

std::uint32_t longest_idle_ms(const NodeIntent& node) {
  return std::max(
      {node.idle_new_ms,
       node.idle_confirmed_ms,
       node.idle_closing_ms,
       node.idle_reset_ms,
       node.idle_adopted_ms,
       node.idle_udp_ms,
       node.idle_udp_new_ms}
  );
}

std::string names_section(const Book& book) {
  std::string section;
  const auto add = [&](const std::map<std::string, std::uint32_t>& used, fl_name_kind kind) {
    std::map<std::uint32_t, const std::string*> by_number;
    for (const auto& [name, number] : used) by_number[number] = &name;
    for (const auto& [number, name] : by_number) {
      fl_name record{};
      std::memcpy(record.number, &number, sizeof number);
      record.kind = static_cast<std::uint8_t>(kind);
      record.length = static_cast<std::uint8_t>(name->size());
      section.append(reinterpret_cast<const char*>(&record), sizeof record);
      section += *name;
    }
  };
  add(book.vips.used(), FL_NAME_VIP);
  add(book.backends.used(), FL_NAME_BACKEND);
  return section;
}

Result<std::size_t> encode(
    const Plan& plan,
    std::uint64_t generation,
    base::Nanoseconds built_ns,
    std::span<std::byte> bank
) {
  FL_ASSIGN(const std::vector<std::uint16_t> index, index_of(plan.vips));
  const std::vector<fl_shape> shapes = shapes_of(plan.vips);
  FL_CHECK(shapes.size() <= FL_MAX_SHAPES);  // validate()
  const std::string& names = plan.numbers->book->names;
  std::uint64_t needed = FL_BANK_HEADER_BYTES;
  const auto count = [&](std::uint64_t bytes) {
    needed += std::uint64_t{lines(bytes)} * FL_LINE_BYTES;
  };
  count(index.size() * sizeof index[0]);
  count(plan.vips.size() * sizeof(fl_vip));
  count(plan.members->size() * sizeof(fl_member));
  for (const SharedTable& t : std::set(plan.tables.begin(), plan.tables.end()))
    count(t->slots.size() * sizeof(std::uint32_t));
  for (const PoolMembers& pool : plan.pools_members) count(pool->size() * sizeof(std::uint32_t));
  for (const auto& servers : plan.quic) count(servers.size() * sizeof(fl_quic_server));
  count(names.size());
  if (needed > bank.size() || needed > UINT32_MAX)
    return fail(
        ErrorCode::kResourceExhausted,
        "the tables need " + std::to_string(needed) + " bytes, a steering bank has " +
            std::to_string(bank.size()) +
            ": raise memory.steering_bank, or lower table_size of some vips"
    );

  BankWriter writer(bank);
  fl_bank header{};
  header.generation = generation;
  header.digest = plan.digest;
  header.built_ns = built_ns;
  header.vip_count = static_cast<std::uint32_t>(plan.vips.size());
  header.member_count = static_cast<std::uint32_t>(plan.members->size());
  header.shape_count = static_cast<std::uint32_t>(shapes.size());
  std::copy(shapes.begin(), shapes.end(), header.shapes);
  put_node(plan.node, header);
  header.index_mask = static_cast<std::uint32_t>(index.size() - 1);
  header.index_line = writer.add(index.data(), index.size() * sizeof index[0]);
  header.members_line = writer.add(*plan.numbers->book->records, *plan.members);
  std::vector<fl_vip> vips = plan.vips;
  const auto add_words = [&](const std::vector<std::uint32_t>& words) {
    return writer.add(words.data(), words.size() * sizeof words[0]);
  };
  std::map<SharedTable, std::uint32_t> slots_lines;
  for (std::size_t i = 0; i < vips.size(); ++i) {
    const auto [at, first] = slots_lines.try_emplace(plan.tables[i], 0);
    if (first) at->second = add_words(plan.tables[i]->slots);
    vips[i].slots_line = at->second;
    vips[i].pool_line = add_words(*plan.pools_members[i]);
    if (plan.quic[i].empty()) continue;
    vips[i].quic_line =
        writer.add(plan.quic[i].data(), plan.quic[i].size() * sizeof(fl_quic_server));
  }
  header.vips_line = writer.add(vips.data(), vips.size() * sizeof(fl_vip));
  header.names_bytes = static_cast<std::uint32_t>(names.size());
  header.names_line = writer.add(names.data(), names.size());
  header.used_bytes = writer.used_bytes();
  auto* out = reinterpret_cast<fl_bank*>(bank.data());
  std::memcpy(static_cast<void*>(out), &header, sizeof header);
  out->checksum = steer::bank_checksum(out, header.used_bytes);
  return header.used_bytes;
}

void close_records(Book& book, std::vector<fl_member> records) {
  book.names = names_section(book);
  book.records = std::make_shared<const std::vector<fl_member>>(std::move(records));
  steer::LineChecksum sum;
  sum.add(book.records->data(), book.records->size() * sizeof(fl_member));
  add_padded(sum, book.names.data(), book.names.size());
  book.sum = sum.value();
}

std::uint64_t content_of(const Plan& plan) {
  steer::LineChecksum sum;
  fl_bank header{};
  put_node(plan.node, header);
  header.digest = plan.digest;
  header.checksum = plan.numbers->book->sum;
  sum.add(&header, sizeof header);
  sum.add(plan.vips.data(), plan.vips.size() * sizeof(fl_vip));
  add_padded(sum, plan.members->data(), plan.members->size() * sizeof(MemberNumbers));
  std::vector<std::uint64_t> tables;  // vips have the sizes
  for (const SharedTable& t : plan.tables) tables.push_back(t->checksum);
  add_padded(sum, tables.data(), tables.size() * sizeof tables[0]);
  for (const PoolMembers& pool : plan.pools_members)
    add_padded(sum, pool->data(), pool->size() * sizeof(std::uint32_t));
  for (const auto& servers : plan.quic)
    add_padded(sum, servers.data(), servers.size() * sizeof(fl_quic_server));
  return sum.value();
}

}  // namespace fairlead::steering
