// SPDX-License-Identifier: BSD-3-Clause
// A vip's table as text, out of the published bank: whoever may read the region may do this, and no
// daemon notices.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "dataplane/base/result.hh"

namespace fairlead::api {

struct DumpedTable {
  std::uint64_t generation = 0;
  std::uint32_t slots = 0;
};

/// Writes "slot,backend,earlier" for each slot of the generation in force to `out`; `steering` is
/// the region's file. Errors: kNotFound (vip), kUnavailable (nothing published, or tables change
/// faster than they can be copied), those of the region.
base::Result<DumpedTable> dump_table(
    const std::string& steering, const std::string& vip, std::FILE* out
);

}  // namespace fairlead::api
