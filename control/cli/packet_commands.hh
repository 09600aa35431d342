// SPDX-License-Identifier: BSD-3-Clause
// Captures and traces, and what reads tables and files beside the daemons.
#pragma once

#include <chrono>
#include <span>

#include "control/cli/page.hh"
#include "control/cli/parse.hh"
#include "control/cli/place.hh"
#include "control/cli/run_commands.hh"

namespace fairlead::cli {

/// The kinds of values of these commands; part of value_kinds().
std::span<const ValueKind> packet_kinds();

/// `trace next N`: starts it, waits until it is complete, its time is over or Ctrl-C comes, and
/// ends it.
base::Result<LocalAnswer> trace_packets(
    const Call& call, const Place& place, std::chrono::milliseconds timeout
);

/// `dump table V file F`: from the published bank itself; no daemon is asked.
base::Result<LocalAnswer> dump_table(const Call& call, const Place& place);

/// `| expect FIELD OPERATOR VALUE`. Error: the field is not so, or not there.
base::Result<void> check_expectation(const Call& filter, const Json& reply);

/// What `capture start`, `capture stop` and `show capture` say.
Page capture_page(const Json& result);

}  // namespace fairlead::cli
