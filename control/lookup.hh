// SPDX-License-Identifier: BSD-3-Clause
// The data plane's decision about a tuple, by the data plane's own code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/net/five_tuple.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::control {

struct Candidate {
  std::uint32_t index = 0;
  std::uint32_t slot = 0;
  std::uint32_t member = 0;
  double score = 0;      // (in flight + 1) / weight, as the worker compares it
  bool ejected = false;  // by this worker, now
};

struct Choice {
  std::vector<Candidate> candidates;
  std::uint32_t chosen = FL_NO_MEMBER;  // for a new flow
  std::uint32_t first = FL_NO_MEMBER;   // for a flow in mid-life that no table knows
};

/// What worker `worker` would choose for a new flow of this vip. `page` is copied: looking changes
/// nothing. `scores` may be null.
Choice explain_choice(
    const steer::TableView& table,
    const fl_vip& vip,
    std::uint64_t hash,
    const fl_worker_page& page,
    const fl_scores* scores,
    unsigned worker,
    base::Nanoseconds now
);

}  // namespace fairlead::control
