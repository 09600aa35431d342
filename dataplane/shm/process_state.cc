// SPDX-License-Identifier: BSD-3-Clause
// Reads /proc/PID/stat: state and start time (proc(5), fields 3 and 22), and /proc/self/ns/pid.
#include "dataplane/shm/process_state.hh"

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::shm {

namespace {

/// CLOCK_BOOTTIME (which /proc uses) minus CLOCK_MONOTONIC: time spent suspended.
base::Nanoseconds suspended_ns() {
  timespec boot{};
  timespec mono{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  clock_gettime(CLOCK_MONOTONIC, &mono);
  const std::int64_t delta =
      (boot.tv_sec - mono.tv_sec) * 1000000000LL + boot.tv_nsec - mono.tv_nsec;
  return delta > 0 ? static_cast<base::Nanoseconds>(delta) : 0;
}

}  // namespace

bool process_lives(std::uint32_t pid, base::Nanoseconds seen_ns) {
  if (pid == 0) return false;
  char path[40];
  std::snprintf(path, sizeof path, "/proc/%" PRIu32 "/stat", pid);
  const sys::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno != ENOENT;
  char text[1024];
  const ssize_t length = ::read(fd.get(), text, sizeof text - 1);
  if (length <= 0) return length != 0 && errno != ESRCH;
  text[length] = '\0';
  // The command, field 2, is in parentheses and may hold spaces and parentheses itself.
  const char* after = std::strrchr(text, ')');
  char state = 0;
  unsigned long long start_ticks = 0;
  if (after == nullptr ||
      std::sscanf(
          after + 1,
          " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
          &state,
          &start_ticks
      ) != 2)
    return true;
  if (state == 'Z' || state == 'X') return false;
  const auto tick_ns = base::kSecond / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const base::Nanoseconds started = start_ticks * tick_ns;  // since boot, rounded down to a tick
  return started <= seen_ns + suspended_ns() + tick_ns;
}

std::uint64_t pid_namespace() {
  struct stat space {};
  return ::stat("/proc/self/ns/pid", &space) == 0 ? space.st_ino : 0;
}

}  // namespace fairlead::shm
