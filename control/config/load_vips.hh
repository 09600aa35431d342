// SPDX-License-Identifier: BSD-3-Clause
// The `vips:` part of the file and what must hold between vips and backends.
#pragma once

#include <vector>

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

/// All vips with their pools; errors and warnings go to `diagnosis`.
std::vector<model::Vip> load_vips(
    const Section& root, const Config& config, Purpose purpose, Diagnosis& diagnosis
);

}  // namespace fairlead::config
