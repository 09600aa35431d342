// SPDX-License-Identifier: BSD-3-Clause
// Mapping flow tables.
#include "control/api/flow_regions.hh"

namespace fairlead::api {

base::Result<flow::FlowTable> table_in(const shm::Region& region) {
  // The mapping is read-only; reading through the writer's class touches nothing.
  auto* data = const_cast<std::byte*>(region.data());
  return flow::FlowTable::attach({data, region.bytes()});
}

std::vector<WorkerFlows> FlowRegions::refresh(unsigned count) {
  regions_.resize(count);
  std::vector<WorkerFlows> out;
  for (unsigned worker = 0; worker < count; ++worker) {
    shm::Region& region = regions_[worker];
    if (!region.valid() || region.replaced()) {
      auto mapped = shm::Region::attach(
          dir_ + "/flows." + std::to_string(worker), FL_REGION_FLOWS, shm::Access::kRead
      );
      region = mapped ? std::move(*mapped) : shm::Region();
    }
    if (!region.valid()) continue;
    if (auto table = table_in(region)) out.push_back({worker, *table});
  }
  return out;
}

}  // namespace fairlead::api
