// SPDX-License-Identifier: BSD-3-Clause
// Orders to forget flows: written for the workers, carried out by them (path/flow_flush.hh).
#pragma once

#include "control/show.hh"

namespace fairlead::control {

/// `flush flow`: returns at once, workers go on by themselves. Errors: kInvalidArgument without vip
/// and backend, kNotFound, kUnavailable without a data plane, kFailedPrecondition while one is at
/// work.
Answer flush_flows(Node& node, const api::Request& request, base::Nanoseconds now);
/// `clear flow tuple`. The same errors.
Answer clear_flow(Node& node, const api::Request& request, base::Nanoseconds now);

/// {sequence, running, vip, backend, flows_per_second, workers: [{worker, done, passed}]} of the
/// last order; {sequence: 0} before the first.
Json flush_state(const Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
