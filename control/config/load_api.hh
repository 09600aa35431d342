// SPDX-License-Identifier: BSD-3-Clause
// The section `api`.
#pragma once

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

Api load_api(const Section& root, const std::string& metrics, const std::string& monitoring);

}  // namespace fairlead::config
