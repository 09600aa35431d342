// SPDX-License-Identifier: BSD-3-Clause
// Lays out a bank from steer/abi.h alone, without the control daemon's encoder.
#include "tests/testing/test_bank.hh"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "dataplane/steer/bank_checksum.hh"
#include "dataplane/steer/reserves.h"

namespace fairlead::testing {
namespace {

constexpr std::uint32_t kIndexEntries = 256;
constexpr std::uint32_t kQuicEntries = 16;

std::uint32_t lines_for(std::size_t bytes) {
  return static_cast<std::uint32_t>((bytes + FL_LINE_BYTES - 1) / FL_LINE_BYTES);
}

std::vector<std::uint32_t> slots_of(const TestVip& vip) {
  if (!vip.slots.empty() || vip.members.empty()) return vip.slots;
  std::vector<std::uint32_t> out(kTestSlots);
  for (std::uint32_t i = 0; i < kTestSlots; ++i)
    out[i] = i % static_cast<std::uint32_t>(vip.members.size());
  return out;
}

fl_member encode(const TestMember& in, std::uint32_t vip, net::IpProto protocol) {
  fl_member out{};
  const auto address = net::IpAddr::parse(in.address).value();
  std::copy(address.bytes.begin(), address.bytes.end(), out.address);
  out.family = static_cast<std::uint8_t>(address.family);
  out.state = in.state;
  if (!in.mac.empty()) {
    const auto mac = net::MacAddr::parse(in.mac).value();
    std::copy(mac.bytes.begin(), mac.bytes.end(), out.mac);
  }
  out.backend = in.backend;
  out.vip = vip;
  out.weight = 1;
  out.inverse_weight = in.inverse_weight;
  out.protocol = static_cast<std::uint8_t>(protocol);
  return out;
}

fl_vip encode(const TestVip& in, std::uint32_t number) {
  fl_vip out{};
  const auto prefix = net::Prefix::parse(in.prefix).value();
  std::copy(prefix.address.bytes.begin(), prefix.address.bytes.end(), out.address);
  out.family = static_cast<std::uint8_t>(prefix.address.family);
  out.prefix_len = static_cast<std::uint8_t>(prefix.length);
  out.protocol = static_cast<std::uint8_t>(in.protocol);
  out.encapsulation = in.encapsulation;
  out.port[0] = static_cast<std::uint8_t>(in.port >> 8);
  out.port[1] = static_cast<std::uint8_t>(in.port & 0xff);
  out.choices = in.choices;
  out.mss = in.mss;
  out.flags = in.flags;
  out.vip = number;
  out.active_members = static_cast<std::uint32_t>(in.members.size());
  return out;
}

void add_shape(fl_bank& bank, const fl_vip& vip) {
  const fl_shape shape{
      vip.family,
      vip.prefix_len,
      static_cast<std::uint8_t>(vip.port[0] == 0 && vip.port[1] == 0),
      0};
  for (std::uint32_t i = 0; i < bank.shape_count; ++i)
    if (std::memcmp(&bank.shapes[i], &shape, sizeof shape) == 0) return;
  if (bank.shape_count == FL_MAX_SHAPES) throw std::invalid_argument("too many shapes");
  bank.shapes[bank.shape_count++] = shape;
  std::stable_sort(
      bank.shapes,
      bank.shapes + bank.shape_count,
      [](const fl_shape& a, const fl_shape& b) {
        return a.prefix_len != b.prefix_len ? a.prefix_len > b.prefix_len : a.any_port < b.any_port;
      }
  );
}

void put_in_index(std::uint16_t* index, std::uint32_t hash, std::uint16_t position) {
  std::uint32_t at = hash % kIndexEntries;
  while (index[at] != FL_VIP_EMPTY) at = (at + 1) % kIndexEntries;
  index[at] = position;
}

/// By destination, and by the address alone (the first vip of an address is found).
void add_to_index(std::uint16_t* index, const fl_vip& vip, std::uint16_t position) {
  std::uint64_t words[2];
  std::uint16_t port;
  std::memcpy(words, vip.address, sizeof words);
  std::memcpy(&port, vip.port, sizeof port);
  put_in_index(index, fl_vip_hash(words[0], words[1], vip.protocol, port), position);
  put_in_index(index, fl_vip_hash(words[0], words[1], 0, 0), position);
}

/// The index of a vip's QUIC servers; kQuicEntries of them.
std::vector<fl_quic_server> quic_index(const TestVip& vip, std::uint32_t first_member) {
  fl_quic_server none{};
  none.member = FL_NO_MEMBER;
  std::vector<fl_quic_server> index(vip.quic.empty() ? 0 : kQuicEntries, none);
  for (const TestServerId& server : vip.quic) {
    fl_quic_server entry{};
    entry.key[0] = server.config;
    std::copy(server.id.begin(), server.id.end(), entry.key + 1);
    entry.member = first_member + server.member;
    std::uint64_t words[2];
    std::memcpy(words, entry.key, sizeof words);
    std::uint32_t at = fl_vip_hash(words[0], words[1], 0, 0) % kQuicEntries;
    while (index[at].member != FL_NO_MEMBER) at = (at + 1) % kQuicEntries;
    index[at] = entry;
  }
  return index;
}

void copy_address(const std::string& text, std::uint8_t* to, std::size_t bytes) {
  if (text.empty()) return;
  const auto address = net::IpAddr::parse(text).value();
  std::memcpy(to, address.bytes.data(), bytes);
}

void put_outer(const TestTable& table, fl_bank& bank) {
  const net::OuterPolicy& outer = table.outer;
  bank.outer_entropy4 = outer.entropy4;
  bank.outer_entropy6 = outer.entropy6;
  bank.outer_ttl = outer.ttl;
  bank.outer_dscp = outer.dscp;
  unsigned flags = 0;
  if (outer.df_clear) flags |= FL_OUTER_DF_CLEAR;
  if (outer.df_inner) flags |= FL_OUTER_DF_INNER;
  if (outer.udp_checksum) flags |= FL_OUTER_UDP_CHECKSUM;
  if (table.icmp_from_node) flags |= FL_ICMP_FROM_NODE;
  bank.outer_flags = static_cast<std::uint8_t>(flags);
}

}  // namespace

TestBank::TestBank(const TestTable& table) {
  std::size_t members = 0;
  std::uint32_t slot_lines = 0;
  for (const TestVip& vip : table.vips) {
    members += vip.members.size();
    slot_lines += lines_for(vip.quic.empty() ? 0 : kQuicEntries * sizeof(fl_quic_server));
    slot_lines += lines_for(slots_of(vip).size() * 4) + lines_for(vip.members.size() * 4);
  }
  fl_bank bank{};
  bank.generation = table.generation;
  bank.vip_count = static_cast<std::uint32_t>(table.vips.size());
  bank.member_count = static_cast<std::uint32_t>(members);
  bank.index_mask = kIndexEntries - 1;
  bank.index_line = lines_for(FL_BANK_HEADER_BYTES);
  bank.vips_line = bank.index_line + lines_for(kIndexEntries * 2);
  bank.members_line = bank.vips_line + bank.vip_count;
  std::uint32_t line = bank.members_line + bank.member_count;
  bank.used_bytes = (line + slot_lines) * FL_LINE_BYTES;
  bank.names_line = bank.index_line;
  std::copy(std::begin(kTestKey), std::end(kTestKey), bank.hash_key);
  copy_address(table.node_address4, bank.node_address4, 4);
  copy_address(table.node_address6, bank.node_address6, 16);
  const auto source = [](const std::string& outer, const std::string& node) {
    return outer.empty() ? node : outer;
  };
  copy_address(source(table.outer_source4, table.node_address4), bank.outer_source4, 4);
  copy_address(source(table.outer_source6, table.node_address6), bank.outer_source6, 16);
  put_outer(table, bank);
  bank.icmp_error_limit = table.icmp_error_limit;
  bank.icmp_echo_limit = table.icmp_echo_limit;
  bank.new_flow_limit = table.new_flow_limit;
  bank.idle_new_ms = table.idle_new_ms;
  bank.idle_confirmed_ms = table.idle_confirmed_ms;
  bank.idle_closing_ms = table.idle_closing_ms;
  bank.idle_reset_ms = table.idle_reset_ms;
  bank.idle_adopted_ms = table.idle_adopted_ms;
  bank.idle_udp_ms = table.idle_udp_ms;
  bank.idle_udp_new_ms = table.idle_udp_new_ms;

  lines_.resize(line + slot_lines);
  auto* const index = reinterpret_cast<std::uint16_t*>(lines_[bank.index_line].bytes);
  std::fill(index, index + kIndexEntries, std::uint16_t{FL_VIP_EMPTY});
  auto* const out_members = reinterpret_cast<fl_member*>(lines_[bank.members_line].bytes);
  std::uint32_t next_member = 0;
  for (std::uint32_t v = 0; v < bank.vip_count; ++v) {
    const TestVip& in = table.vips[v];
    const std::vector<std::uint32_t> slots = slots_of(in);
    fl_vip vip = encode(in, v);
    vip.table_size = static_cast<std::uint32_t>(slots.size());
    vip.slots_line = line;
    auto* const out_slots = reinterpret_cast<std::uint32_t*>(lines_.data() + line);
    std::copy(slots.begin(), slots.end(), out_slots);
    line += lines_for(slots.size() * 4);
    const std::vector<fl_quic_server> servers = quic_index(in, next_member);
    if (!servers.empty()) {
      vip.flags |= FL_VIP_QUIC;
      vip.quic_line = line;
      vip.quic_mask = kQuicEntries - 1;
      for (const TestServerId& server : in.quic)
        vip.quic_id_bytes[server.config] = static_cast<std::uint8_t>(server.id.size());
      std::copy(
          servers.begin(), servers.end(), reinterpret_cast<fl_quic_server*>(lines_.data() + line)
      );
      line += lines_for(servers.size() * sizeof(fl_quic_server));
    }
    vip.pool_line = line;
    vip.pool_size = static_cast<std::uint16_t>(in.members.size());
    auto* const owners = reinterpret_cast<std::uint32_t*>(lines_.data() + line);
    for (std::uint32_t m = 0; m < in.members.size(); ++m) owners[m] = next_member + m;
    for (std::size_t i = 0; i < in.earlier.size(); ++i)
      out_slots[i] |= (in.earlier[i] + 1) << FL_SLOT_EARLIER_SHIFT;
    line += lines_for(in.members.size() * 4);
    for (const TestMember& member : in.members)
      out_members[next_member++] = encode(member, v, in.protocol);
    std::memcpy(lines_[bank.vips_line + v].bytes, &vip, sizeof vip);
    add_shape(bank, vip);
    add_to_index(index, vip, static_cast<std::uint16_t>(v));
  }
  std::memcpy(lines_.data(), &bank, sizeof bank);
  auto* const placed = reinterpret_cast<fl_bank*>(lines_.data());
  placed->checksum = steer::bank_checksum(placed, bank.used_bytes);
  const auto view = steer::TableView::attach(lines_.data(), lines_.size() * 64);
  if (!view) throw std::invalid_argument(view.error().what);
  view_ = *view;
}

}  // namespace fairlead::testing
