// SPDX-License-Identifier: BSD-3-Clause
// Who holds a region's writer lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/base/clock.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::shm {

/// The file beside a region that is locked, and says by whom: maps have no inodes of their own, and
/// a region of another layout is made anew while the lock's holder still uses the old one.
[[nodiscard]] std::string lock_file_of(const std::string& region);

struct LockHolder {
  std::uint32_t pid = 0;
  std::uint32_t reserved = 0;
  base::Nanoseconds since = 0;  // CLOCK_MONOTONIC
};

/// Writes into the locked file. False: errno says why.
[[nodiscard]] bool note_lock_holder(int lock, const LockHolder& holder);

/// Says into the lock's file, without holding the lock, that this process waits to take it over.
void note_successor(const std::string& region);
/// Who said so last, while that process lives: the holder itself once it has the lock.
[[nodiscard]] std::optional<std::uint32_t> waiting_successor(const std::string& region);

/// Takes the region's writer lock for moments, without saying that this process holds it: nobody is
/// to be told to end for it. Who starts meanwhile is patient. Not valid(): another process has it,
/// or errno says why.
[[nodiscard]] sys::UniqueFd borrow_lock(const std::string& region);

/// Who took the region's lock last, while that process lives.
[[nodiscard]] std::optional<std::uint32_t> living_lock_holder(const std::string& region);

}  // namespace fairlead::shm
