// SPDX-License-Identifier: BSD-3-Clause
// What nodes of a fleet have in common, as text: whole sections of a configuration. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/result.hh"

namespace fairlead::config {

/// Sections that a fleet shares; all others belong to the node: its addresses, ports, cores, files.
std::span<const std::string_view> shared_sections();

/// The shared sections of a configuration, in their order, with their comments; "" if it has none.
/// Errors (kInvalidArgument, `name:line:`): no YAML, or two sections on one line.
base::Result<std::string> shared_part(const std::string& text, const std::string& name);

/// `own` with `shared` in place of its own shared sections: what a node of the fleet has in force.
/// Errors: the same, and a section of `shared` that a fleet does not share.
base::Result<std::string> with_shared(
    const std::string& own, const std::string& name, const std::string& shared
);

}  // namespace fairlead::config
