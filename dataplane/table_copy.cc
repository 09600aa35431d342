// SPDX-License-Identifier: BSD-3-Clause
// Reads what the main thread needs.
#include "dataplane/table_copy.hh"

#include <algorithm>
#include <cstring>

#include "dataplane/shm/bank_copy.hh"

namespace fairlead::dataplane {
namespace {

base::Nanoseconds longest_idle_of(const fl_bank& bank) {
  const std::uint32_t longest = std::max(
      {bank.idle_new_ms,
       bank.idle_confirmed_ms,
       bank.idle_closing_ms,
       bank.idle_reset_ms,
       bank.idle_adopted_ms,
       bank.idle_udp_ms,
       bank.idle_udp_new_ms}
  );
  return longest * base::kMillisecond;
}

}  // namespace

void TableCopy::refresh(const shm::Region& steering) {
  const auto copy = shm::BankCopy::newer_than(generation_, steering);
  if (!copy) return;
  read(copy->table());
  generation_ = copy->table().generation();
  news_ = true;
}

void TableCopy::read(const steer::TableView& table) {
  names_ = steer::read_names(table);
  longest_idle_ = longest_idle_of(table.bank());
  vips_.assign(table.vips().begin(), table.vips().end());
  unresolved_.clear();
  for (const fl_member& member : table.members()) {
    if (member.state == FL_MEMBER_FREE) continue;
    const auto same_vip = [&](const fl_vip& v) { return v.vip == member.vip; };
    const auto vip = std::find_if(table.vips().begin(), table.vips().end(), same_vip);
    if (vip == table.vips().end() || vip->encapsulation != FL_ENCAP_L2) continue;
    const bool has_mac = std::any_of(member.mac, member.mac + 6, [](auto b) { return b != 0; });
    if (has_mac) continue;
    net::IpAddr address;
    address.family = member.family == 6 ? net::Family::kIpv6 : net::Family::kIpv4;
    std::memcpy(address.bytes.data(), member.address, sizeof member.address);
    unresolved_.push_back({member.backend, address});
  }
}

}  // namespace fairlead::dataplane
