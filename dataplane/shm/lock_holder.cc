// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/shm/lock_holder.hh"

#include <fcntl.h>
#include <unistd.h>

#include "dataplane/shm/process_state.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::shm {

std::string lock_file_of(const std::string& region) {
  return region + ".lock";
}

bool note_lock_holder(int lock, const LockHolder& holder) {
  return ::pwrite(lock, &holder, sizeof holder, 0) == sizeof holder;
}

std::optional<std::uint32_t> living_lock_holder(const std::string& region) {
  const sys::UniqueFd file(::open(lock_file_of(region).c_str(), O_RDONLY | O_CLOEXEC));
  LockHolder holder;
  if (!file.valid() || ::pread(file.get(), &holder, sizeof holder, 0) != sizeof holder) return {};
  if (!process_lives(holder.pid, holder.since)) return {};
  return holder.pid;
}

}  // namespace fairlead::shm
