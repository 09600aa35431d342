// SPDX-License-Identifier: BSD-3-Clause
// Mapping and counting flow tables.
#include "control/api/flow_regions.hh"

namespace fairlead::api {

void FlowRegions::refresh(unsigned count) {
  regions_.resize(count);
  for (unsigned worker = 0; worker < count; ++worker) {
    shm::Region& region = regions_[worker];
    if (region.valid() && !region.replaced()) continue;
    auto mapped = shm::Region::attach(
        dir_ + "/flows." + std::to_string(worker), FL_REGION_FLOWS, shm::Access::kRead
    );
    region = mapped ? std::move(*mapped) : shm::Region();
  }
}

std::optional<flow::FlowTable> FlowRegions::attach(unsigned worker) const {
  const shm::Region& region = regions_[worker];
  if (!region.valid()) return std::nullopt;
  // FlowTable is the writer's class; reading through it touches nothing, and the mapping is
  // read-only.
  auto* data = const_cast<std::byte*>(region.data());
  auto table = flow::FlowTable::attach({data, region.bytes()});
  return table ? std::optional(*table) : std::nullopt;
}

std::vector<FlowCount> FlowRegions::count() const {
  std::vector<FlowCount> out;
  for (unsigned worker = 0; worker < regions_.size(); ++worker) {
    auto table = attach(worker);
    if (!table) continue;
    FlowCount count;
    count.worker = worker;
    count.buckets = table->bucket_count();
    table->for_each([&count](std::uint32_t member, flow::FlowState state, flow::Tick) {
      switch (state) {
        case flow::FlowState::kNew:
          ++count.fresh;
          break;
        case flow::FlowState::kConfirmed:
          ++count.confirmed;
          break;
        case flow::FlowState::kClosing:
          ++count.closing;
          return;
        case flow::FlowState::kEmpty:
          return;
      }
      ++count.by_member[member];
    });
    out.push_back(std::move(count));
  }
  return out;
}

}  // namespace fairlead::api
