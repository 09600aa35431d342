// SPDX-License-Identifier: BSD-3-Clause
// Copies the bank in force, proves the copy, prints one table.
#include "control/api/table_file.hh"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "dataplane/base/printable.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::api {
namespace {

constexpr unsigned kAttempts = 100;

/// A bank that was copied whole. It may be written anew meanwhile: its checksum tells.
struct Copy {
  std::unique_ptr<void, decltype(&std::free)> memory{nullptr, &std::free};
  steer::TableView view;
};

base::Result<Copy> copy_of(const shm::Region& steering) {
  const auto* current = steering.at<fl_current>(FL_LINE_BYTES);
  const std::uint64_t bytes = steering.header().parameter;
  Copy copy;
  copy.memory.reset(std::aligned_alloc(FL_LINE_BYTES, bytes));
  for (unsigned i = 0; i < kAttempts; ++i) {
    const std::uint64_t now = __atomic_load_n(&current->generation, __ATOMIC_ACQUIRE);
    if (now == 0) {
      return base::fail(base::ErrorCode::kUnavailable, "no generation has been published yet");
    }
    std::memcpy(
        copy.memory.get(), steering.data() + FL_BANKS_OFFSET + now % FL_BANKS * bytes, bytes
    );
    const auto view = steer::TableView::attach(copy.memory.get(), bytes);
    if (!view || view->generation() != now) continue;
    copy.view = *view;
    return copy;
  }
  return base::fail(base::ErrorCode::kUnavailable, "tables change too fast, try again");
}

const fl_vip* vip_named(
    const steer::TableView& view, const steer::Names& names, const std::string& name
) {
  for (const fl_vip& vip : view.vips())
    if (names.vip(vip.vip) == name) return &vip;
  return nullptr;
}

}  // namespace

base::Result<DumpedTable> dump_table(
    const std::string& steering, const std::string& vip_name, std::FILE* out
) {
  FL_ASSIGN(
      const shm::Region region,
      shm::Region::attach(steering, FL_REGION_STEERING, shm::Access::kRead)
  );
  FL_ASSIGN(const Copy copy, copy_of(region));
  const steer::Names names = steer::read_names(copy.view);
  const fl_vip* const vip = vip_named(copy.view, names, vip_name);
  if (vip == nullptr)
    return base::fail(base::ErrorCode::kNotFound, "no vip " + base::quoted(vip_name));
  const auto id = [&](std::uint32_t member) {
    if (member == FL_NO_MEMBER) return std::string();
    return std::string(names.backend(copy.view.member(member).backend));
  };
  std::fputs("slot,backend,earlier\n", out);
  for (std::uint32_t slot = 0; slot < vip->table_size; ++slot) {
    const std::string line = std::to_string(slot) + ',' + id(copy.view.slot(*vip, slot)) + ',' +
                             id(copy.view.earlier_owner(*vip, slot)) + '\n';
    std::fwrite(line.data(), 1, line.size(), out);
  }
  return DumpedTable{copy.view.generation(), vip->table_size};
}

}  // namespace fairlead::api
