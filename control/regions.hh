// SPDX-License-Identifier: BSD-3-Clause
// The runtime directory of a node: its lock and the regions that control shares with the workers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::control {

struct Regions {
  std::string dir;
  sys::UniqueFd lock;  // flock on <dir>/control.lock: one control per node
  shm::Region steering;
  shm::Region scores;
  shm::Region workers;  // written by workers; control clears acknowledgements of dead ones
  std::vector<shm::Region> flows;  // by worker; only where a gate needs them
  std::jthread page_tables;        // makes those of `steering`; ends before it

  /// Makes the directory, takes the lock, makes the regions or finds those of the last run. Errors:
  /// kAlreadyExists (another control runs), kPermissionDenied, kResourceExhausted.
  static base::Result<Regions> open(
      const std::string& dir, std::uint64_t bank_bytes, base::Nanoseconds now
  );

  /// With regions that are maps: makes or finds the flow tables of all workers too, so that the
  /// gate has them before there is a data plane.
  base::Result<bool> open_flows(
      std::uint32_t workers, std::uint64_t flows_per_worker, base::Nanoseconds now
  );

  [[nodiscard]] const fl_workers& worker_pages() const {
    return *reinterpret_cast<const fl_workers*>(workers.data());
  }
  [[nodiscard]] const fl_scores& scores_seen() const {
    return *reinterpret_cast<const fl_scores*>(scores.data());
  }
  [[nodiscard]] fl_scores& score_table() { return *reinterpret_cast<fl_scores*>(scores.data()); }
};

/// Removes what a gate left in `dir`: program, maps (flows and tables are lost), their file system.
/// One line that says what was there. Errors: kAlreadyExists, a control daemon still runs there;
/// kFailedPrecondition, a data plane does: without the program nothing would reach its sockets.
base::Result<std::string> unload_gate(const std::string& dir);

/// Whether and how the data plane runs, from its pages.
struct DataplaneSign {
  bool running = false;   // a heartbeat within `patience`, of a process that lives
  std::uint32_t pid = 0;  // of the newest data plane; 0: there never was one
  std::optional<std::uint64_t> heartbeat_age_ms;  // none: its threads have ended
  unsigned workers = 0;                           // of a process that lives
};
/// The file that is there while the node takes traffic.
std::string announced_mark(const std::string& dir);

DataplaneSign dataplane_sign(
    const fl_workers& workers, base::Nanoseconds now, base::Nanoseconds patience = base::kSecond
);

}  // namespace fairlead::control
