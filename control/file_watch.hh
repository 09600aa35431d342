// SPDX-License-Identifier: BSD-3-Clause
// Tells that a file may have changed: written and closed, renamed onto, or linked anew.
#pragma once

#include <string>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::control {

/// Watches the file's folder by inotify, because editors and configuration tools replace files
/// instead of writing them. One thread.
class FileWatch {
 public:
  /// A folder that cannot be watched makes a watch that never tells anything; see error().
  explicit FileWatch(const std::string& path);

  /// Readable when changed() has something to say; -1: never.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Takes all events; true if one was about the file. A symbolic link's target lies elsewhere, so
  /// any change of the link's folder counts then (Kubernetes swaps a link to a folder).
  bool changed();
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  std::string path_;
  std::string name_;
  std::string error_;
  sys::UniqueFd fd_;
};

}  // namespace fairlead::control
