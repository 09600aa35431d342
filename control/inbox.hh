// SPDX-License-Identifier: BSD-3-Clause
// Work that other threads leave for control's main thread.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::control {

class Inbox {
 public:
  static constexpr std::size_t kMost = 256;
  /// With nullptr the work is done; with an error it is refused and must tell whoever waits.
  using Job = std::function<void(const base::Error* refused)>;

  Inbox();
  /// Any thread; never waits. A full or closed inbox refuses the job at once.
  void post(Job job);

  // --- main thread only ---
  /// Readable when there are jobs.
  [[nodiscard]] int fd() const { return wake_.get(); }
  void run();
  /// Refuses what is there and what still comes.
  void close();

 private:
  std::vector<Job> take();

  std::mutex mutex_;
  std::vector<Job> jobs_;
  bool closed_ = false;
  sys::UniqueFd wake_;
};

}  // namespace fairlead::control
