// SPDX-License-Identifier: BSD-3-Clause
// Makes or finds the shared regions of this node.
#include <algorithm>
#include <csignal>
#include <cstring>

#include "dataplane/forward.hh"
#include "dataplane/shm/huge_pages.hh"
#include "dataplane/shm/lock_holder.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/output_file.hh"
#include "dataplane/sys/patient_lock.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

/// The lock says who runs, not the pages: a predecessor with another layout has pages elsewhere.
base::Result<bool> take_place(shm::Region& workers, bool replace) {
  if (!replace) return workers.lock_writer(sys::kLockPatience);
  shm::note_successor(workers.path());
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (workers.lock_writer()) return true;
    const auto pid = shm::living_lock_holder(workers.path());
    if (!pid) break;
    sys::log_info(
        "predecessor told to end pid=" + std::to_string(*pid) + " signal=" + ::strsignal(signal)
    );
    ::kill(static_cast<pid_t>(*pid), signal);
    if (workers.lock_writer(sys::kLockPatience)) return true;
  }
  return workers.lock_writer(sys::kLockPatience);
}

}  // namespace

base::Result<Regions> open_regions(const config::Config& config, bool replace, unsigned& found) {
  const base::Nanoseconds now = sys::monotonic_ns();
  const std::string& folder = config.runtime_dir;
  auto made = sys::OutputFolder::make(folder);
  if (!made) return base::annotate("node.runtime_dir", made.error());
  made->keep();  // others may have begun to use it
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
  if (const auto locked = take_place(regions.workers, replace); !locked) {
    return base::fail(
        base::ErrorCode::kAlreadyExists,
        folder +
            ": another fairlead-dataplane runs in this runtime folder; stop it first, or take its "
            "place with --replace"
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
        (flows.created() ? " state=new" : " state=found") +
        (shm::huge_bytes_at(flows.data()) != 0 ? " pages=huge" : " pages=small")
    );
    regions.flows.push_back(std::move(flows));
  }
  return regions;
}

}  // namespace fairlead::dataplane
