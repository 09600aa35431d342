// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm's letters as commands of this CLI. Pure.
#pragma once

#include <string>
#include <vector>

#include "control/cli/parse.hh"

namespace fairlead::cli {

/// Part of value_kinds().
std::span<const ValueKind> ipvs_kinds();

/// True for letters that stand for other commands: all but -L, -l, -S and -R.
bool stands_for_others(const Call& call);

/// The lines that such a command stands for; `vips` and `backends` as show vip and show backend
/// list them. Error: what has no meaning here, and why.
base::Result<std::vector<std::string>> ipvs_lines(
    const Call& call, const Json& vips, const Json& backends
);

/// The lines of -S.
std::vector<std::string> ipvs_saved(const Json& vips, const Json& backends);

/// "-Ln" as "-L", "-n": in a command that begins with ipvs, behind a node's name too; not in
/// filters.
std::vector<Token> split_letters(const std::vector<Token>& tokens);

}  // namespace fairlead::cli
