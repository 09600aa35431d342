// SPDX-License-Identifier: BSD-3-Clause
// Whether the process that wrote a page still exists.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.hh"

namespace fairlead::shm {

/// False when no process has this pid, when it is a zombie, or when it was started after
/// `seen_ns` (CLOCK_MONOTONIC), so that it cannot be the one that was seen then. In doubt true.
bool process_lives(std::uint32_t pid, base::Nanoseconds seen_ns);

/// The caller's pid namespace: pids of another one mean other processes. 0: not known.
std::uint64_t pid_namespace();

}  // namespace fairlead::shm
