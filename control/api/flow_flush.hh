// SPDX-License-Identifier: BSD-3-Clause
// Forgetting flows in the tables that a data plane left: `flush flow ... file FILE`.
//
// While a data plane lives it alone writes its tables, and orders are for it (control/flow_orders).
// At rest the caller is the writer instead, for moments: it borrows the lock that a data plane
// holds as long as it lives (so none runs, and one that starts waits those milliseconds), and
// within it each table's lock of the hand-over, by which an XDP gate that forwards meanwhile is
// kept out.
#pragma once

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::api {

/// Flows a second where none is said, over all workers.
inline constexpr std::uint32_t kFlushRate = 10'000;

/// The caller's time. Tests have one of their own.
struct FlushTime {
  std::function<base::Nanoseconds()> now;
  std::function<bool(base::Nanoseconds)> nap;  // false: end here, what is left stays
};

/// Forgets the flows of `arguments` (vip, backend, rate as of `flush flow`) in the table `path`
/// (RUNTIME_DIR/flows.N), or in all of the folder RUNTIME_DIR; returns when it has been through.
/// The node's regions steering and workers lie beside it: names, and the books of in-flight flows
/// and events, which stay right. Result: {flushed, flows_per_second, complete, workers: [{worker,
/// buckets, buckets_passed, flushed}]}. Errors: kInvalidArgument (no such table, no vip and no
/// backend), kNotFound (names), kFailedPrecondition: a data plane runs, from the beginning or
/// since then; kUnavailable: no table of generation 1 or later says whose flows these are.
base::Result<nlohmann::json> flush_at_rest(
    const std::string& path, const nlohmann::json& arguments, const FlushTime& time
);

/// Opens the tables' locks that a tool left closed when it was killed. Cost: a load per worker.
/// Requires: `workers` is mapped for writing. Control's main thread.
void open_forgotten_locks(fl_workers& workers, const std::string& path);

}  // namespace fairlead::api
