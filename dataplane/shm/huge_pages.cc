// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/shm/huge_pages.hh"

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

#include <sys/mman.h>

namespace fairlead::shm {

void prefer_huge_pages(void* at, std::uint64_t bytes) {
  (void)::madvise(at, bytes, MADV_HUGEPAGE);
}

std::uint64_t huge_bytes_at(const void* at) {
  std::ifstream smaps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(at);
  bool here = false;
  std::uint64_t size_kib = 0;
  std::uint64_t huge_kib = 0;
  for (std::string line; std::getline(smaps, line);) {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t kib = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " ", &first, &last) == 2) {
      if (here) break;
      here = first == wanted;
    }
    if (!here) continue;
    if (std::sscanf(line.c_str(), "Size: %" SCNu64, &kib) == 1) size_kib = kib;
    // hugetlbfs: all of it.
    if (std::sscanf(line.c_str(), "KernelPageSize: %" SCNu64, &kib) == 1 && kib > 4)
      huge_kib += size_kib;
    if (std::sscanf(line.c_str(), "ShmemPmdMapped: %" SCNu64, &kib) == 1) huge_kib += kib;
    if (std::sscanf(line.c_str(), "FilePmdMapped: %" SCNu64, &kib) == 1) huge_kib += kib;
  }
  return huge_kib << 10;
}

}  // namespace fairlead::shm
