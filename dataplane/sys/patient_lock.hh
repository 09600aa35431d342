// SPDX-License-Identifier: BSD-3-Clause
// A file lock that outwaits a predecessor's last breath.
#pragma once

#include <cerrno>
#include <ctime>

#include <sys/file.h>

#include "dataplane/sys/system_clock.hh"

namespace fairlead::sys {

/// A killed process is gone for its parent before its last thread has closed the files: a successor
/// that is started at once would find the lock taken for some milliseconds.
inline constexpr base::Nanoseconds kLockPatience = 3 * base::kSecond;

/// Takes an exclusive flock() on `fd`; false when another process still holds it after `patience`.
/// errno tells why. Start-up only: naps in between.
inline bool lock_patiently(int fd, base::Nanoseconds patience = kLockPatience) {
  const base::Nanoseconds until = monotonic_ns() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || monotonic_ns() >= until) return false;
    const timespec nap{0, 10'000'000};
    ::nanosleep(&nap, nullptr);
  }
  return true;
}

}  // namespace fairlead::sys
