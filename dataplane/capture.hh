// SPDX-License-Identifier: BSD-3-Clause
// Captures and traces, on the main thread: orders to the workers, what comes back, the file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/base/result.hh"
#include "dataplane/capture_tap.hh"
#include "dataplane/crew.hh"
#include "dataplane/pcapng_file.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::dataplane {

/// One capture or trace at a time. Main thread only; it never waits for a worker.
class Capture {
 public:
  struct Wanted {
    std::string file;    // absolute; empty: a trace
    unsigned seen = 0;   // bits of Seen
    std::string filter;  // see CaptureFilter
    std::uint64_t limit = 0;
  };
  /// Errors: bad filter or file; one is at work.
  base::Result<void> start(const Wanted& wanted, const std::vector<std::string>& ports);
  /// Call every few ms: gives new workers their order, writes what has come, ends at the limit.
  void tick(Crew& crew, const steer::Names& names, base::Nanoseconds now);
  /// Ends it and completes its file. Error: none is at work.
  base::Result<nlohmann::json> stop(Crew& crew, const steer::Names& names, base::Nanoseconds now);
  [[nodiscard]] bool running() const { return running_; }
  /// The one at work or, after that, the last one; a trace with its packets.
  [[nodiscard]] nlohmann::json show() const;

 private:
  /// A worker's way to an order and away from it: it may read `offered` and, until it has taken
  /// that, `before`.
  struct Told {
    std::shared_ptr<CaptureOrder> wanted;  // null: note nothing
    std::shared_ptr<CaptureOrder> offered;
    std::shared_ptr<CaptureOrder> before;
  };
  void tell(Crew& crew);
  void drain(const steer::Names& names, base::Nanoseconds now);
  void take(const Note& note, const steer::Names& names, std::uint64_t realtime, unsigned worker);
  void finish();

  Wanted wanted_;
  bool running_ = false;
  CaptureFilter filter_;
  std::optional<PcapngWriter> file_;
  std::vector<Told> told_;  // by worker
  std::size_t ports_ = 0;
  std::uint64_t noted_ = 0;
  std::uint64_t skipped_ = 0;
  std::string error_;
  nlohmann::json paths_ = nlohmann::json::array();
};

}  // namespace fairlead::dataplane
