// SPDX-License-Identifier: BSD-3-Clause
// The workers' flow tables, read-only, from outside.
#pragma once

#include <string>
#include <vector>

#include "dataplane/flow/flow_table.hh"
#include "dataplane/shm/region.hh"

namespace fairlead::api {

/// One worker's table. FlowTable is the writer's class: who only reads calls its const functions.
struct WorkerFlows {
  unsigned worker = 0;
  flow::FlowTable table;
};

/// Maps <runtime_dir>/flows.N as they appear; a restarted data plane may replace them.
class FlowRegions {
 public:
  explicit FlowRegions(std::string runtime_dir) : dir_(std::move(runtime_dir)) {}

  /// Maps what is there for workers 0 .. count-1, and returns the sound ones; good until the next
  /// call. Entries are torn now and then while a worker writes them, harmlessly.
  std::vector<WorkerFlows> refresh(unsigned count);
  [[nodiscard]] const std::vector<shm::Region>& regions() const { return regions_; }

 private:
  std::string dir_;
  std::vector<shm::Region> regions_;
};

/// The table in a mapped region, or an error that says what is wrong with it.
base::Result<flow::FlowTable> table_in(const shm::Region& region);

}  // namespace fairlead::api
