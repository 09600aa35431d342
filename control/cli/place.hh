// SPDX-License-Identifier: BSD-3-Clause
// Finds the sockets of the node that a command is for.
#pragma once

#include <string>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::cli {

inline constexpr const char* kDefaultRoot = "/run/fairlead";

/// What the command line and the environment say. At most one is set; the first that is counts.
struct Selection {
  std::string socket;  // path of a control.sock
  std::string runtime_dir;
  std::string node;  // directory under `root`
  std::string root = kDefaultRoot;
};

struct Place {
  std::string node;  // name of the runtime directory
  std::string control_socket;
  std::string dataplane_socket;
};

/// The places that `at` (the X of "@X command"; empty: none) stands for: one, or with "all" every
/// neighbour in the same root. Errors: unavailable: no node runs here; invalid_argument: several
/// do, and which one is not said.
base::Result<std::vector<Place>> places(const Selection& selection, const std::string& at);

}  // namespace fairlead::cli
