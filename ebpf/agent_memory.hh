// SPDX-License-Identifier: BSD-3-Clause
// What the allocator says about itself, for `show memory`.
#pragma once

#include <nlohmann/json.hpp>

namespace fairlead::agent {

/// {allocator, allocator_version, allocated_bytes, resident_bytes}; "libc" where jemalloc is not
/// linked.
nlohmann::json memory_report();

}  // namespace fairlead::agent
