// SPDX-License-Identifier: BSD-3-Clause
// The `vips:` part of the file and what must hold between vips and backends.
#pragma once

#include <vector>

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

/// `health:` at the top of the file, or of a vip (then `defaults` is the one at the top).
model::Health load_health(const Section& section, const model::Health& defaults);

/// The keys of a health section.
std::vector<std::string_view> health_keys();

/// All vips with their pools; errors and warnings go to `diagnosis`.
std::vector<model::Vip> load_vips(
    const Section& root, const Config& config, Purpose purpose, Diagnosis& diagnosis
);

}  // namespace fairlead::config
