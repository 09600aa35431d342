// SPDX-License-Identifier: BSD-3-Clause
// What operators and leaving backends decided at run time: kept over a restart of control.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/health/checks.hh"
#include "control/holds.hh"
#include "control/model/model.hh"
#include "control/ramps.hh"
#include "dataplane/base/result.hh"

namespace fairlead::control {

/// Weights set by hand before a trial; they come back with the text that they were set under.
struct SetAside {
  std::uint64_t digest = 0;  // of that text
  SetWeights weights;
  Ramps ramps;
  friend bool operator==(const SetAside&, const SetAside&) = default;
};

struct OperatorState {
  bool withdrawn = false;                   // this node takes no traffic
  bool frozen = false;                      // weights do not follow measurements
  std::map<Member, std::uint32_t> weights;  // in place of configured ones, until the next reload
  Holds holds;                              // drained, in maintenance, off
  Ramps ramps;                              // weights on their way, by this node
  RampsElsewhere ramps_elsewhere;           // by others; not in the file, the fleet knows
  std::set<std::string> disabled;           // vips that take no new flows
  std::map<Member, health::Order> health;   // up or down, whatever probes say
  std::set<std::string> left;               // backends whose agent said goodbye
  std::optional<SetAside> set_aside;        // while a trial runs
  friend bool operator==(const OperatorState&, const OperatorState&) = default;
};

/// Forgets what was decided on vips that are not among these: one that is made again under the same
/// name begins anew. Returns their names.
std::set<std::string> forget_gone_vips(OperatorState& state, const std::vector<model::Vip>& vips);

/// A trial is over, and the text with this digest in force: forgets what was set aside, or takes it
/// back. True: there was something.
bool end_trial(OperatorState& state, std::uint64_t digest);

/// A weight was set by hand, or begins another way: no ramp goes on with it, whoever's.
void end_ramps(OperatorState& state, const Member& member);

/// <runtime_dir>/state.json. A missing file is an empty state; a damaged one is kDataLoss.
base::Result<OperatorState> load_operator_state(const std::string& path);

/// Written beside and renamed: a crash leaves the old or the new file, never half of one.
base::Result<bool> save_operator_state(const std::string& path, const OperatorState& state);

}  // namespace fairlead::control
