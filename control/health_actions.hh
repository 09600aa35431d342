// SPDX-License-Identifier: BSD-3-Clause
// set health backend ... up, down, auto: an operator's word on a backend's health.
#pragma once

#include "control/node.hh"
#include "control/reconcile.hh"
#include "control/show.hh"

namespace fairlead::control {

/// Errors: kNotFound. `up` and `down` hold, over restarts of control too, until `auto` or until
/// `lasting` is over; then probes decide again.
Answer set_health(
    Node& node, Reconciler& reconciler, const api::Request& request, base::Nanoseconds now
);

}  // namespace fairlead::control
