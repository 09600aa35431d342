// SPDX-License-Identifier: BSD-3-Clause
// A plan as bytes: the layout of steer/abi.h.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
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

/// Where sections lie, each at a line, behind the header and one another.
class Layout {
 public:
  /// Returns: the section's first line.
  std::uint64_t add(std::uint64_t bytes) {
    const std::uint64_t line = next_;
    next_ += lines(bytes);
    return line;
  }
  [[nodiscard]] std::uint64_t bytes() const { return next_ * FL_LINE_BYTES; }

 private:
  std::uint64_t next_ = lines(FL_BANK_HEADER_BYTES);
};

/// Writes lines of a bank one after the other and sums them up while they are in the nearest cache:
/// a bank of 100,000 members has 8 MB.
class BankWriter {
 public:
  explicit BankWriter(std::span<std::byte> bank) : to_(bank.data()) {}

  /// A section, the last line filled up. Requires: room.
  void add(const void* data, std::size_t bytes) {
    const auto* from = static_cast<const std::byte*>(data);
    const std::size_t whole = bytes / FL_LINE_BYTES * FL_LINE_BYTES;
    for (std::size_t at = 0; at < whole; at += kPiece) put(from + at, std::min(kPiece, whole - at));
    if (bytes == whole) return;
    std::byte last[FL_LINE_BYTES] = {};
    std::memcpy(last, from + whole, bytes - whole);
    put(last, sizeof last);
  }
  template <typename T>
  void add(const std::vector<T>& list) {
    add(list.data(), list.size() * sizeof(T));
  }
  /// The same of records of a line each, with their numbers.
  void add(const std::vector<fl_member>& records, const std::vector<MemberNumbers>& numbers) {
    for (std::size_t n = 0; n < records.size(); ++n) {
      fl_member record = records[n];
      steering::put(numbers[n], record);
      put(&record, sizeof record);
    }
  }
  [[nodiscard]] std::uint64_t checksum() const { return sum_.value(); }

 private:
  static constexpr std::size_t kPiece = 4096;

  void put(const void* data, std::size_t bytes) {
    std::memcpy(to_, data, bytes);
    sum_.add(to_, bytes);
    to_ += bytes;
  }

  std::byte* to_;
  steer::LineChecksum sum_;
};

/// The bank's header but its checksum, and the vips with their lines.
struct Head {
  fl_bank bank{};
  std::vector<fl_vip> vips;
  std::vector<SharedTable> tables;  // in the order of their lines, each once
  std::uint64_t needed = 0;         // bytes of the whole bank
};

/// The order here is that of encode().
Head head_of(const Plan& plan, std::size_t index_entries, std::size_t names_bytes) {
  Head head;
  fl_bank& bank = head.bank;
  bank.digest = plan.digest;
  bank.vip_count = static_cast<std::uint32_t>(plan.vips.size());
  bank.member_count = static_cast<std::uint32_t>(plan.members->size());
  put_node(plan.node, bank);
  Layout layout;
  bank.index_mask = static_cast<std::uint32_t>(index_entries - 1);
  const auto add = [&](std::uint64_t bytes) {
    return static_cast<std::uint32_t>(layout.add(bytes));
  };
  bank.index_line = add(index_entries * sizeof(std::uint16_t));
  bank.members_line = add(plan.members->size() * sizeof(fl_member));
  head.vips = plan.vips;
  std::map<SharedTable, std::uint32_t> slots_lines;
  for (std::size_t i = 0; i < head.vips.size(); ++i) {
    const auto [at, first] = slots_lines.try_emplace(plan.tables[i], 0);
    if (first) {
      at->second = add(plan.tables[i]->slots.size() * sizeof(std::uint32_t));
      head.tables.push_back(plan.tables[i]);
    }
    head.vips[i].slots_line = at->second;
  }
  for (std::size_t i = 0; i < head.vips.size(); ++i) {
    head.vips[i].pool_line = add(plan.pools_members[i]->size() * sizeof(std::uint32_t));
    if (!plan.quic[i].empty())
      head.vips[i].quic_line = add(plan.quic[i].size() * sizeof(fl_quic_server));
  }
  bank.vips_line = add(plan.vips.size() * sizeof(fl_vip));
  bank.names_bytes = static_cast<std::uint32_t>(names_bytes);
  bank.names_line = add(names_bytes);
  head.needed = layout.bytes();
  return head;
}

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
  Head head = head_of(plan, index.size(), names.size());
  if (head.needed > bank.size() || head.needed > UINT32_MAX)
    return fail(
        ErrorCode::kResourceExhausted,
        "the tables need " + std::to_string(head.needed) + " bytes, a steering bank has " +
            std::to_string(bank.size()) +
            ": raise memory.steering_bank, or lower table_size of some vips"
    );
  head.bank.generation = generation;
  head.bank.built_ns = built_ns;
  head.bank.used_bytes = static_cast<std::uint32_t>(head.needed);
  head.bank.shape_count = static_cast<std::uint32_t>(shapes.size());
  std::copy(shapes.begin(), shapes.end(), head.bank.shapes);

  BankWriter writer(bank);
  writer.add(&head.bank, sizeof head.bank);
  writer.add(index);
  writer.add(*plan.numbers->book->records, *plan.members);
  for (const SharedTable& table : head.tables) writer.add(table->slots);
  for (std::size_t i = 0; i < head.vips.size(); ++i) {
    writer.add(*plan.pools_members[i]);
    writer.add(plan.quic[i]);
  }
  writer.add(head.vips);
  writer.add(names.data(), names.size());
  reinterpret_cast<fl_bank*>(bank.data())->checksum = writer.checksum();
  return head.needed;
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
