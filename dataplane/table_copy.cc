// SPDX-License-Identifier: BSD-3-Clause
// Copies a bank, proves the copy, reads what the main thread needs.
#include "dataplane/table_copy.hh"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

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
  const auto* current = steering.at<fl_current>(FL_LINE_BYTES);
  const std::uint64_t now = __atomic_load_n(&current->generation, __ATOMIC_ACQUIRE);
  if (now == 0 || now == generation_) return;
  const std::uint64_t bank_bytes = steering.header().parameter;
  const std::byte* bank = steering.data() + FL_BANKS_OFFSET + now % FL_BANKS * bank_bytes;
  fl_bank head;
  std::memcpy(&head, bank, sizeof head);
  const std::size_t used = std::min<std::uint64_t>(head.used_bytes, bank_bytes);
  const std::size_t room = (used + FL_LINE_BYTES) / FL_LINE_BYTES * FL_LINE_BYTES;
  const std::unique_ptr<void, decltype(&std::free)> copy(
      std::aligned_alloc(FL_LINE_BYTES, room), &std::free
  );
  std::memcpy(copy.get(), bank, used);
  const auto table = steer::TableView::attach(copy.get(), room);
  if (!table || table->generation() != now) return;  // overwritten meanwhile: next time
  read(*table);
  generation_ = now;
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
