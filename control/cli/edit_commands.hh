// SPDX-License-Identifier: BSD-3-Clause
// Vips and backends added, set and deleted in the pending configuration.
#pragma once

#include <span>

#include "control/cli/parse.hh"
#include "control/cli/values.hh"

namespace fairlead::cli {

/// Their kinds of values.
std::span<const ValueKind> edit_kinds();

/// The arguments of `config edit` as the daemon wants them. Requires: it is one.
Json edit_arguments(const Call& call);

/// Of `show table VIP diff AGAINST`: "prev" or "pending"; "": any other command.
std::string diff_of(const Call& call);

}  // namespace fairlead::cli
