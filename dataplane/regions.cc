// SPDX-License-Identifier: BSD-3-Clause
// Makes or finds the shared regions of this node.
#include <algorithm>
#include <filesystem>

#include "dataplane/forward.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/patient_lock.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {

base::Result<Regions> open_regions(const config::Config& config, unsigned& found) {
  const base::Nanoseconds now = sys::monotonic_ns();
  const std::string& folder = config.runtime_dir;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return base::system_error("node.runtime_dir: make " + folder, error.value());
  }
  Regions regions;
  FL_ASSIGN(
      shm::Region steering,
      shm::Region::create_or_attach(
          folder + "/steering", shm::steering_spec(config.memory.steering_bank), now
      )
  );
  FL_TRY(steering.populate());  // a new generation must not cost workers page faults
  regions.steering.push_back(std::move(steering));
  FL_ASSIGN(
      regions.scores, shm::Region::create_or_attach(folder + "/scores", shm::scores_spec(), now)
  );
  FL_ASSIGN(
      regions.workers, shm::Region::create_or_attach(folder + "/workers", shm::workers_spec(), now)
  );
  if (const auto locked = regions.workers.lock_writer(sys::kLockPatience); !locked) {
    return base::fail(
        base::ErrorCode::kAlreadyExists,
        folder + ": another fairlead-dataplane runs in this runtime folder; stop it first"
    );
  }
  found = regions.workers.created() ? 0 : regions.workers.at<fl_workers>(0)->worker_count;
  const std::uint64_t buckets = flow::FlowTable::buckets_for(config.memory.flows_per_worker);
  const shm::RegionSpec spec{FL_REGION_FLOWS, flow::FlowTable::region_bytes(buckets), buckets};
  for (std::uint32_t w = 0; w < std::max(config.workers.most, std::min(found, FL_MAX_WORKERS));
       ++w) {
    const std::string path = folder + "/flows." + std::to_string(w);
    FL_ASSIGN(shm::Region flows, shm::Region::create_or_attach(path, spec, now));
    sys::log_info(
        "flow table worker=" + std::to_string(w) + " bytes=" + std::to_string(spec.bytes) +
        (flows.created() ? " state=new" : " state=found")
    );
    regions.flows.push_back(std::move(flows));
  }
  return regions;
}

}  // namespace fairlead::dataplane
