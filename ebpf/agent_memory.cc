// SPDX-License-Identifier: BSD-3-Clause
// Asks jemalloc, if this process has it, through mallctl.
#include "ebpf/agent_memory.hh"

#include <cstddef>
#include <cstdint>

extern "C" [[gnu::weak]] int mallctl(
    const char* name,
    void* old_value,
    std::size_t* old_bytes,
    void* new_value,
    std::size_t new_bytes
);

namespace fairlead::agent {
namespace {

std::size_t bytes_of(const char* name) {
  std::size_t value = 0;
  std::size_t bytes = sizeof value;
  return mallctl(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

nlohmann::json memory_report() {
  if (mallctl == nullptr) return {{"allocator", "libc"}, {"allocator_version", ""}};
  const char* version = "";
  std::size_t bytes = sizeof version;
  mallctl("version", &version, &bytes, nullptr, 0);
  std::uint64_t epoch = 1;  // refreshes the statistics
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
  return {
      {"allocator", "jemalloc"},
      {"allocator_version", version},
      {"allocated_bytes", bytes_of("stats.allocated")},
      {"resident_bytes", bytes_of("stats.resident")},
  };
}

}  // namespace fairlead::agent
