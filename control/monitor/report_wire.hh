// SPDX-License-Identifier: BSD-3-Clause
// Load reports between their message and their struct.
#pragma once

#include "control/api/fairlead.pb.h"
#include "control/monitor/intake.hh"

namespace fairlead::monitor {

LoadReport from_wire(const v1::LoadReport& message);
v1::LoadReport to_wire(const LoadReport& report);

}  // namespace fairlead::monitor
