// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/shm/lock_holder.hh"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "dataplane/shm/process_state.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::shm {

std::string lock_file_of(const std::string& region) {
  return region + ".lock";
}

bool note_lock_holder(int lock, const LockHolder& holder) {
  return ::pwrite(lock, &holder, sizeof holder, 0) == sizeof holder;
}

namespace {

// The file is two records: the holder's, and that of the one who waits to be its successor.
constexpr off_t kHolderAt = 0;
constexpr off_t kSuccessorAt = sizeof(LockHolder);

std::optional<std::uint32_t> living(const std::string& region, off_t at) {
  const sys::UniqueFd file(::open(lock_file_of(region).c_str(), O_RDONLY | O_CLOEXEC));
  LockHolder found;
  if (!file.valid() || ::pread(file.get(), &found, sizeof found, at) != sizeof found) return {};
  if (!process_lives(found.pid, found.since)) return {};
  return found.pid;
}

}  // namespace

sys::UniqueFd borrow_lock(const std::string& region) {
  sys::UniqueFd file(::open(lock_file_of(region).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!file.valid() || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return file;
}

void note_successor(const std::string& region) {
  const sys::UniqueFd file(::open(lock_file_of(region).c_str(), O_WRONLY | O_CLOEXEC));
  const LockHolder self{static_cast<std::uint32_t>(::getpid()), 0, sys::monotonic_ns()};
  if (file.valid()) (void)!::pwrite(file.get(), &self, sizeof self, kSuccessorAt);
}

std::optional<std::uint32_t> waiting_successor(const std::string& region) {
  return living(region, kSuccessorAt);
}

std::optional<std::uint32_t> living_lock_holder(const std::string& region) {
  return living(region, kHolderAt);
}

}  // namespace fairlead::shm
