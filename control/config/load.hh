// SPDX-License-Identifier: BSD-3-Clause
// The loader as the schema sees it.
#pragma once

#include <string>

#include "control/config/config.hh"
#include "control/config/key_record.hh"

namespace fairlead::config {

/// parse_config(), and what it asked of each key.
base::Result<Config> parse_and_record(
    const std::string& text, const std::string& name, KeyRecords& records
);

}  // namespace fairlead::config
