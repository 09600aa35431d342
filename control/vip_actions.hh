// SPDX-License-Identifier: BSD-3-Clause
// disable vip, enable vip: no new flows, open ones go on.
#pragma once

#include <string>

#include "control/node.hh"
#include "control/reconcile.hh"
#include "control/show.hh"

namespace fairlead::control {

/// A disabled vip stays announced, its members drain: new flows are dropped as no_backend, open
/// ones keep their backends. Error: kNotFound.
Answer change_vip(
    Node& node, Reconciler& reconciler, const api::Request& request, base::Nanoseconds now
);

/// The event of what holds now.
void tell_vip(Node& node, const std::string& vip, std::string cause);

}  // namespace fairlead::control
