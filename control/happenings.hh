// SPDX-License-Identifier: BSD-3-Clause
// Where events begin: into the ring that clients read, and into a file that outlives the daemon.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "control/api/events.hh"

namespace fairlead::control {

/// Events as JSON, one a line. A file of kMost bytes becomes FILE.1 and a new one begins: so never
/// more than two of them. Main thread, under the daemon's lock.
class EventFile {
 public:
  static constexpr long kMost = 8L << 20;

  explicit EventFile(std::string path) : path_(std::move(path)) {}
  ~EventFile() {
    if (file_ != nullptr) (void)std::fclose(file_);
  }
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;
  /// A disk that refuses is told in the log once, until it takes one again.
  void write(const api::Event& event);

 private:
  bool open();

  std::string path_;
  std::FILE* file_ = nullptr;
  bool failed_ = false;
};

/// What the node's parts tell events to.
class Happenings {
 public:
  explicit Happenings(const std::string& file) : file_(file) {}

  /// Gives it its time. Kind "weight" only goes to who watches.
  void tell(api::Event event);
  api::EventRing& events() { return events_; }
  [[nodiscard]] const api::EventRing& events() const { return events_; }
  api::EventRing& weights() { return weights_; }

 private:
  api::EventRing events_{4096};
  api::EventRing weights_{8192};  // two generations of 4096 members
  EventFile file_;
};

}  // namespace fairlead::control
