// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm's letters as commands of this CLI. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "control/cli/parse.hh"
#include "control/cli/place.hh"

namespace fairlead::cli {

/// Part of value_kinds().
std::span<const ValueKind> ipvs_kinds();

/// True for letters that stand for other commands: all but -L, -l, -S and -R.
bool stands_for_others(const Call& call);

/// Vips and backends as show vip and show backend list them.
struct IpvsPools {
  Json vips = Json::array();
  Json backends = Json::array();
};
struct IpvsTables {
  IpvsPools in_force;
  IpvsPools staged;        // what is pending; in force where nothing is
  bool restoring = false;  // the command is a line of -R
};
/// True where a command's meaning depends on them.
bool reads_tables(const Call& call);
/// Asks the daemon. Error: no answer, or what is pending is not shown to this user.
base::Result<IpvsTables> ask_tables(
    const Place& place, const Call& call, bool restoring, std::chrono::milliseconds timeout
);

struct IpvsMeaning {
  std::vector<std::string> lines;  // commands that it stands for
  std::string already;             // none: why there is nothing to do
};
/// Edits are looked up in what is staged: behind -C nothing is there, so -A makes again what is in
/// force, under the names that it has there. What is there already is an error, as for ipvsadm, but
/// not in -R, where ipvsadm fails line by line: there it is left as it is if it is the same. Error:
/// what has no meaning here, and why.
base::Result<IpvsMeaning> ipvs_meaning(const Call& call, const IpvsTables& tables);

/// The lines of -S.
std::vector<std::string> ipvs_saved(const Json& vips, const Json& backends);

/// "-Ln" as "-L", "-n": in a command that begins with ipvs, behind a node's name too; not in
/// filters.
std::vector<Token> split_letters(const std::vector<Token>& tokens);

}  // namespace fairlead::cli
