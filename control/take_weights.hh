// SPDX-License-Identifier: BSD-3-Clause
// The fleet's weights on this node: taken, put in force, kept.
#pragma once

#include "control/monitor/monitor.pb.h"
#include "control/node.hh"

namespace fairlead::control {

/// What the last control of this node had in force; a damaged file is logged.
void restore_fleet_weights(Node& node);

/// Weights of an update that was taken. True: tables must follow. An older generation, or one that
/// does not fit its digest, changes nothing.
bool take_fleet_weights(Node& node, const v1::MonitoringUpdate& update);

/// Puts them in force again: the configuration or operators changed. Requires: there are some.
bool give_fleet_weights(Node& node);

}  // namespace fairlead::control
