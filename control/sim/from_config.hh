// SPDX-License-Identifier: BSD-3-Clause
// From a configuration file and, where given, files of requests and updates to a setup.
#pragma once

#include "control/config/config.hh"
#include "control/sim/files.hh"
#include "control/sim/setup.hh"

namespace fairlead::sim {

inline constexpr std::uint32_t kMostNodes = 1000;

/// Pure. `updates`, `requests`: absolute times. `start`: becomes time 0 (whole seconds). The first
/// vip of the file is simulated; one that lists no backends gets simulation.backends.
base::Result<Setup> setup_from(const config::Config& config);

policy::RailSettings rails_of(const config::Config& config);

/// A line for each event of the configuration that comes after the end of the run, so never.
std::vector<std::string> events_too_late(const config::Config& config, const Setup& setup);

/// Replaces the arrival process by rows of a file. Times become relative to `start`.
void use_requests(const RequestsFile& file, Time start, Setup& setup);
/// Lets updates drive routing; backends and nodes that the file names and nobody knew join then.
/// Error: more backends than FL_MAX_BACKENDS.
base::Result<bool> use_updates(
    std::vector<FileUpdate> updates, const config::Config& config, Time start, Setup& setup
);

}  // namespace fairlead::sim
