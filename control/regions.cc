// SPDX-License-Identifier: BSD-3-Clause
// Opening the runtime directory.
#include "control/regions.hh"

#include <cerrno>

#include <fcntl.h>

#include "control/api/counters.hh"
#include "dataplane/flow/flow_table.hh"
#include "dataplane/sys/output_file.hh"
#include "dataplane/sys/patient_lock.hh"
#include "ebpf/bpffs.hh"

namespace fairlead::control {
namespace {

base::Result<sys::UniqueFd> take_lock(const std::string& path) {
  sys::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) return base::system_error("open " + path, errno);
  if (!sys::lock_patiently(fd.get())) {
    return base::fail(
        base::ErrorCode::kAlreadyExists,
        path + ": another fairlead-control runs on this runtime directory, stop it first"
    );
  }
  return fd;
}

}  // namespace

base::Result<Regions> Regions::open(
    const std::string& dir, std::uint64_t bank_bytes, base::Nanoseconds now
) {
  auto folder = sys::OutputFolder::make(dir);
  if (!folder) return base::annotate("node.runtime_dir", folder.error());
  folder->keep();  // others may have begun to use it
  Regions r;
  r.dir = dir;
  FL_ASSIGN(r.lock, take_lock(dir + "/control.lock"));
  FL_ASSIGN(
      r.steering,
      shm::Region::create_or_attach(dir + "/steering", shm::steering_spec(bank_bytes), now)
  );
  FL_TRY(r.steering.populate());  // a publication must not wait for pages
  FL_ASSIGN(r.scores, shm::Region::create_or_attach(dir + "/scores", shm::scores_spec(), now));
  FL_ASSIGN(r.workers, shm::Region::create_or_attach(dir + "/workers", shm::workers_spec(), now));
  return r;
}

base::Result<bool> Regions::open_flows(
    std::uint32_t workers_count, std::uint64_t flows_per_worker, base::Nanoseconds now
) {
  const std::uint64_t buckets = flow::FlowTable::buckets_for(flows_per_worker);
  const shm::RegionSpec spec{FL_REGION_FLOWS, flow::FlowTable::region_bytes(buckets), buckets};
  for (std::uint32_t w = 0; w < workers_count; ++w) {
    const std::string path = dir + "/flows." + std::to_string(w);
    FL_ASSIGN(shm::Region region, shm::Region::create_or_attach(path, spec, now));
    flows.push_back(std::move(region));
  }
  return true;
}

base::Result<bool> unload_gate(const std::string& dir) {
  FL_ASSIGN(const sys::UniqueFd lock, take_lock(dir + "/control.lock"));
  FL_TRY(ebpf::remove_bpffs(dir + "/bpf"));
  return true;
}

DataplaneSign dataplane_sign(const fl_workers& workers, base::Nanoseconds now) {
  DataplaneSign sign;
  std::uint64_t newest = 0;
  sign.workers = workers.workers_running;
  for (const fl_worker_page& page : api::pages(workers)) {
    const std::uint64_t heartbeat = __atomic_load_n(&page.heartbeat_ns, __ATOMIC_RELAXED);
    if (heartbeat < newest || heartbeat == 0) continue;
    newest = heartbeat;
    sign.pid = page.pid;
  }
  if (newest == 0) return sign;
  sign.heartbeat_age_ms = now > newest ? (now - newest) / base::kMillisecond : 0;
  sign.running = sign.heartbeat_age_ms < 1000;
  return sign;
}

}  // namespace fairlead::control
