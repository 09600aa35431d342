// SPDX-License-Identifier: BSD-3-Clause
// Invariants: a broken one is a bug of ours, so the process says where and ends.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace fairlead::base {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace fairlead::base

/// Always on.
#define FL_CHECK(condition) \
  ((condition) ? (void)0 : ::fairlead::base::check_failed(#condition, __FILE__, __LINE__))

/// Debug builds only: for the packet path.
#ifdef NDEBUG
#define FL_DCHECK(condition) ((void)sizeof(!(condition)))
#else
#define FL_DCHECK(condition) FL_CHECK(condition)
#endif
