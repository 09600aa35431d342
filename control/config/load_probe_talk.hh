// SPDX-License-Identifier: BSD-3-Clause
// The keys of a health section that say what a probe asks and what it wants to hear.
#pragma once

#include <string_view>
#include <vector>

#include "control/config/section.hh"
#include "control/model/model.hh"

namespace fairlead::config {

/// Their names, for the section's list of known keys.
std::vector<std::string_view> probe_talk_keys();
model::ProbeTalk load_probe_talk(const Section& s, const model::ProbeTalk& defaults);

}  // namespace fairlead::config
