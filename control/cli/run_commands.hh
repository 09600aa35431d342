// SPDX-License-Identifier: BSD-3-Clause
// What an operator of testpmd or ipvsadm types, and the commands that the CLI answers itself.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "control/cli/page.hh"
#include "control/cli/parse.hh"
#include "control/cli/place.hh"

namespace fairlead::cli {

/// The kinds of values of these commands; part of value_kinds().
std::span<const ValueKind> run_kinds();

/// The answer of a command with Target::kLocal, put together from what the daemons say.
struct LocalAnswer {
  Json json;
  Page page;
};
base::Result<LocalAnswer> answer_locally(
    const Call& call, const Place& place, std::chrono::milliseconds timeout
);
/// `show nodes`: of all nodes that run beside the chosen one.
base::Result<LocalAnswer> answer_nodes(
    const std::vector<Place>& all, std::chrono::milliseconds timeout
);

/// ipvsadm's listing of the replies to `show vip` and `show backend`; `figures` is "" (weights and
/// connections), "stats" or "rate".
Page ipvs_page(const Json& vips, const Json& backends, const std::string& figures);

Page events_page(const Json& result);

/// What `stop` and `start` say, `stop` with the sums as testpmd prints them.
Page forwarding_page(const Json& result);

/// Files that begin with `partial`, folders with a slash behind them.
std::vector<std::string> file_names(const std::string& partial);

}  // namespace fairlead::cli
