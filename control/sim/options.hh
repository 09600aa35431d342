// SPDX-License-Identifier: BSD-3-Clause
// What the command line asks for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/sim/compare.hh"
#include "control/sim/scenario.hh"
#include "control/sim/train.hh"
#include "dataplane/base/result.hh"

namespace fairlead::sim {

/// Values that replace those of scenario or configuration; nothing: not given.
struct Overrides {
  std::optional<std::uint32_t> nodes;
  std::optional<std::uint32_t> backends;
  std::optional<std::uint64_t> seed;
  std::optional<double> load;
  std::optional<double> rate;
  std::optional<Time> duration;
  std::optional<Time> interval;  // of monitoring
  std::optional<Time> delay;
  std::optional<Time> exchange;
  std::optional<std::uint32_t> requests;  // of a connection
};

struct Options {
  std::string text;  // help, version or a list: print it and end
  // One run.
  std::string config;
  std::string scenario;
  std::string requests;
  std::string updates;
  std::string out;
  std::string policy;
  std::string plot;
  std::string policy_log;
  bool quiet = false;
  Overrides overrides;
  // compare
  bool compares = false;
  Comparison comparison;
  std::string json;
  // replay
  std::string replays;  // a decision log
  // train
  bool trains = false;
  Training training;
};

void apply(const Overrides& overrides, ScenarioOptions& scenario);

/// Errors: one line, kInvalidArgument.
base::Result<Options> parse_options(int argc, const char* const* argv);

}  // namespace fairlead::sim
