// SPDX-License-Identifier: BSD-3-Clause
// Holds back what a library prints to standard error, so that the operator gets one plain line.
#pragma once

#include <string>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::dataplane {

/// While an object lives, file descriptor 2 goes to memory; DPDK and libxdp report through it only.
/// What goes to 1 is lost: EAL's usage, a hundred lines on a bad argument.
/// Main thread, before the workers run.
class CapturedStderr {
 public:
  CapturedStderr();
  ~CapturedStderr() { restore(); }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;

  /// Gives standard error back and returns what was printed meanwhile.
  std::string restore();

 private:
  sys::UniqueFd saved_;
  sys::UniqueFd saved_out_;
  sys::UniqueFd memory_;
};

/// The last line of `log` that holds one of the words an error report uses; else its last line.
/// Leading tags ("EAL: ") stay: they say which library speaks.
std::string telling_line(const std::string& log);

}  // namespace fairlead::dataplane
