// SPDX-License-Identifier: BSD-3-Clause
// Commands that change something, and the dispatch of all commands.
#pragma once

#include <string>

#include "control/api/socket_server.hh"
#include "control/change_control.hh"
#include "control/node.hh"
#include "control/reconcile.hh"

namespace fairlead::control {

/// One line of the control socket in, one line out. Never fails: errors are answers.
/// The same for a question that came another way; the only place where roles are checked.
Answer answer_call(
    Node& node,
    Reconciler& reconciler,
    ChangeControl& changes,
    const base::Result<api::Request>& request,
    api::Peer peer,
    base::Nanoseconds now
);

std::string answer(
    Node& node,
    Reconciler& reconciler,
    ChangeControl& changes,
    const std::string& line,
    api::Peer peer,
    base::Nanoseconds now
);

/// Writes the operators' decisions beside the regions, and tells the fleet; an error is logged, the
/// decision holds.
void persist(Node& node);

}  // namespace fairlead::control
