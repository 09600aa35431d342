// SPDX-License-Identifier: BSD-3-Clause
// `config ...` and `show config ...`: what is done here, what is sent, how it looks.
#pragma once

#include <span>

#include "control/cli/page.hh"
#include "control/cli/parse.hh"
#include "control/cli/run_commands.hh"

namespace fairlead::cli {

/// The kinds of values of these commands; part of value_kinds().
std::span<const ValueKind> config_kinds();

/// `config check FILE` and `config schema`: no daemon is asked.
bool is_offline(const Call& call);
struct Answered {
  Json json;
  Page page;
};
/// Error: kInvalidArgument, the file's first error in one line.
base::Result<Answered> answer_offline(const Call& call);

/// `config save FILE`: written beside, readable by its owner alone, renamed.
base::Result<LocalAnswer> save_config(
    const Call& call, const Place& place, std::chrono::milliseconds timeout
);

/// The arguments as the daemon wants them: for `config load` the file's text.
base::Result<Json> config_arguments(const Call& call);

Page config_page(const Call& call, const Json& result);

}  // namespace fairlead::cli
