// SPDX-License-Identifier: BSD-3-Clause
// The index of a QUIC vip's server ids, as it lies in a bank (struct fl_quic_server).
#pragma once

#include <cstdint>
#include <vector>

#include "control/model/model.hh"
#include "control/steering/steering.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::steering {

/// One entry per backend and configuration, in an index at most half full in which each is found
/// within FL_VIP_PROBES steps. Empty if the vip has no QUIC configuration. Requires: no two
/// backends have one server id (validate()). `members`: numbers, parallel to vip.backends.
[[nodiscard]] std::vector<fl_quic_server> quic_index(
    const model::Vip& vip, const std::vector<std::uint32_t>& members
);

}  // namespace fairlead::steering
