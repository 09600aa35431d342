// SPDX-License-Identifier: BSD-3-Clause
// Huge pages under a mapping: asking for them, and what came of it.
#pragma once

#include <cstdint>

namespace fairlead::shm {

/// Asks for huge pages under memory that nobody has touched yet. A wish: without effect on 4 KiB
/// file systems (a tmpfs grants it if mounted with huge=advise; a memfd if the kernel's
/// transparent_hugepage/shmem_enabled is `advise`). Requires: `at` is a mapping's start.
void prefer_huge_pages(void* at, std::uint64_t bytes);

/// Bytes of the mapping that begins at `at` which lie in huge pages now, as /proc/self/smaps says.
/// Main threads only.
[[nodiscard]] std::uint64_t huge_bytes_at(const void* at);

}  // namespace fairlead::shm
