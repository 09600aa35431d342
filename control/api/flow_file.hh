// SPDX-License-Identifier: BSD-3-Clause
// Flow tables of a node whose daemons do not run: from the files that they left.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "dataplane/base/result.hh"

namespace fairlead::api {

/// Answers `show flow ...` from one region file (RUNTIME_DIR/flows.N). Names, and lookups by tuple,
/// come from the file `steering` beside it. `command` and `arguments` as on the control socket.
/// Ages are by this host's clock: right until it is booted again. Reads only. Errors: bad input
/// for a file that is no sound table; those of the request.
base::Result<nlohmann::json> answer_from_file(
    const std::string& path, const std::string& command, const nlohmann::json& arguments
);

}  // namespace fairlead::api
