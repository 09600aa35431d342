// SPDX-License-Identifier: BSD-3-Clause
// Flow tables of a node whose daemons do not run: from the files that they left.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/base/result.hh"

namespace fairlead::api {

/// What a path names: one table, or all of a runtime directory.
struct FlowFiles {
  struct One {
    unsigned worker = 0;
    std::string path;
  };
  std::string folder;  // the runtime directory
  std::vector<One> files;
};
/// Errors: kInvalidArgument for what is neither RUNTIME_DIR/flows.N nor a folder with such tables.
base::Result<FlowFiles> flow_files(const std::string& path);

/// Answers `show flow ...` from one region file (RUNTIME_DIR/flows.N), or all of RUNTIME_DIR.
/// Names, and lookups by tuple, come from the file `steering` beside it. `command` and `arguments`
/// as on the control socket. Ages are by this host's clock: right until it is booted again. Reads
/// only. Errors: bad input for a file that is no sound table; those of the request.
base::Result<nlohmann::json> answer_from_file(
    const std::string& path, const std::string& command, const nlohmann::json& arguments
);

}  // namespace fairlead::api
