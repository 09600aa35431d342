// SPDX-License-Identifier: BSD-3-Clause
// Which allocator this process has, asked of the allocator itself.
#include <cstddef>
#include <cstdint>

#include "control/cli/session.hh"

// Of jemalloc; weak, because sanitizer builds link without it.
extern "C" [[gnu::weak]] int mallctl(
    const char* name,
    void* old_value,
    std::size_t* old_bytes,
    void* new_value,
    std::size_t new_bytes
);

namespace fairlead::cli {
namespace {

template <typename T>
bool read(const char* name, T& value) {
  std::size_t bytes = sizeof value;
  return mallctl(name, &value, &bytes, nullptr, 0) == 0;
}

}  // namespace

Json own_memory() {
  if (mallctl == nullptr) return Json{{"allocator", "libc"}};
  Json memory = {{"allocator", "jemalloc"}};
  const char* version = nullptr;
  if (read("version", version)) memory["allocator_version"] = version;
  std::uint64_t epoch = 1;  // writing it refreshes the figures
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
  std::size_t bytes = 0;
  if (read("stats.allocated", bytes)) memory["allocated_bytes"] = bytes;
  if (read("stats.resident", bytes)) memory["resident_bytes"] = bytes;
  return memory;
}

}  // namespace fairlead::cli
