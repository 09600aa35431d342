// SPDX-License-Identifier: BSD-3-Clause
// Opening the runtime directory.
#include "control/regions.hh"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>

#include "control/api/counters.hh"
#include "dataplane/flow/flow_table.hh"
#include "dataplane/shm/lock_holder.hh"
#include "dataplane/shm/process_state.hh"
#include "dataplane/sys/output_file.hh"
#include "dataplane/sys/patient_lock.hh"
#include "ebpf/bpffs.hh"

namespace fairlead::control {
namespace {

// A worker gives a sign each millisecond; so soon after one its process need not be looked for.
constexpr base::Nanoseconds kSurelyLives = 20 * base::kMillisecond;

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
  // A publication must not wait for pages; the first is a second away.
  FL_TRY(r.steering.reserve());
  if (!r.steering.is_map())
    r.page_tables =
        std::jthread(shm::Region::make_page_tables, r.steering.data(), r.steering.bytes());
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

base::Result<std::string> unload_gate(const std::string& dir) {
  struct stat known {};
  if (::stat(dir.c_str(), &known) != 0) return "nothing to remove: there is no " + dir;
  FL_ASSIGN(const sys::UniqueFd lock, take_lock(dir + "/control.lock"));
  if (const auto pid = shm::living_lock_holder(dir + "/workers")) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        dir + ": fairlead-dataplane runs (pid " + std::to_string(*pid) +
            ") and gets its packets through the gate; stop it first: kill " + std::to_string(*pid)
    );
  }
  FL_ASSIGN(const auto pins, ebpf::remove_bpffs(dir + "/bpf"));
  if (pins.empty()) return "nothing to remove: no gate was loaded in " + dir;
  std::error_code none;  // a node that is off takes no traffic
  std::filesystem::remove(announced_mark(dir), none);
  const auto is_link = [](const std::string& name) { return name == "gate_link"; };
  const auto links = std::count_if(pins.begin(), pins.end(), is_link);
  return "removed from " + dir + "/bpf: " + (links > 0 ? "the gate's program, " : "") +
         std::to_string(pins.size() - static_cast<std::size_t>(links)) + " maps, the mount";
}

DataplaneSign dataplane_sign(
    const fl_workers& workers, base::Nanoseconds now, base::Nanoseconds patience
) {
  DataplaneSign sign;
  std::uint64_t newest = 0;
  base::Nanoseconds started = 0;
  for (const fl_worker_page& page : api::pages(workers)) {
    newest = std::max(newest, __atomic_load_n(&page.heartbeat_ns, __ATOMIC_RELAXED));
    if (page.started_ns < started || page.pid == 0) continue;
    sign.pid = page.pid;
    started = page.started_ns;
  }
  if (newest != 0) sign.heartbeat_age_ms = now > newest ? (now - newest) / base::kMillisecond : 0;
  const bool fresh = newest != 0 && now < newest + kSurelyLives;
  const bool lives = fresh || (sign.pid != 0 && shm::process_lives(sign.pid, started));
  sign.running = lives && newest != 0 && now < newest + patience;
  if (lives) sign.workers = workers.workers_running;
  return sign;
}

std::string announced_mark(const std::string& dir) {
  return dir + "/announced";
}

}  // namespace fairlead::control
