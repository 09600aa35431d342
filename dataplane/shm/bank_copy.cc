// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/shm/bank_copy.hh"

#include <algorithm>
#include <cstring>

namespace fairlead::shm {

std::optional<BankCopy> BankCopy::newer_than(std::uint64_t known, const Region& steering) {
  const auto* current = steering.at<fl_current>(FL_LINE_BYTES);
  const std::uint64_t now = __atomic_load_n(&current->generation, __ATOMIC_ACQUIRE);
  if (now == 0 || now == known) return {};
  const std::uint64_t bank_bytes = steering.header().parameter;
  const std::byte* bank = steering.data() + FL_BANKS_OFFSET + now % FL_BANKS * bank_bytes;
  fl_bank head;
  std::memcpy(&head, bank, sizeof head);
  const std::size_t used = std::min<std::uint64_t>(head.used_bytes, bank_bytes);
  const std::size_t room = (used + FL_LINE_BYTES) / FL_LINE_BYTES * FL_LINE_BYTES;
  BankCopy copy;
  copy.memory_.reset(std::aligned_alloc(FL_LINE_BYTES, room));
  std::memcpy(copy.memory_.get(), bank, used);
  const auto table = steer::TableView::attach(copy.memory_.get(), room);
  if (!table || table->generation() != now) return {};  // overwritten meanwhile
  copy.table_ = *table;
  return copy;
}

}  // namespace fairlead::shm
