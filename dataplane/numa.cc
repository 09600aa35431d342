// SPDX-License-Identifier: BSD-3-Clause
// NUMA by sysfs and mbind, without libnuma.
#include "dataplane/numa.hh"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fairlead::dataplane {

int socket_of_core(unsigned core) {
  const std::filesystem::path folder = "/sys/devices/system/cpu/cpu" + std::to_string(core);
  std::error_code ignored;
  for (int socket = 0; socket < 64; ++socket) {
    if (std::filesystem::exists(folder / ("node" + std::to_string(socket)), ignored)) return socket;
  }
  return 0;
}

bool prefer_socket(void* memory, std::size_t bytes, int socket) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / page * page;
  if (end <= begin || socket < 0 || socket >= 64) return false;
  const unsigned long mask = 1UL << socket;
  return ::syscall(SYS_mbind, begin, end - begin, MPOL_PREFERRED, &mask, 64UL + 1, 0U) == 0;
}

}  // namespace fairlead::dataplane
