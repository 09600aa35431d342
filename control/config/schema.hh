// SPDX-License-Identifier: BSD-3-Clause
// JSON Schema of configuration files, for editors; made from what the loader reads.
#pragma once

#include <string>

#include "control/config/key_record.hh"

namespace fairlead::config {

/// Every key that the loader reads from the complete sample (config/fairlead.yaml), in that order.
const KeyRecords& key_table();

/// Draft 2020-12, indented. Descriptions are the sample's comments. It knows types, ranges, words
/// and unknown keys; what keys mean together (docs/configuration.md, "What must hold") only the
/// loader checks.
std::string json_schema();

}  // namespace fairlead::config
