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

/// Puts an operator's decision in force once it is written beside the regions, and tells the fleet.
/// Error: it could not be written, so it would be lost at a restart; nothing has changed.
base::Result<bool> decide(Node& node, OperatorState next);

/// The same for what came by itself and cannot be refused (a drain's end, a weight's step): it
/// holds, is told by `show status` and written again by retry_decisions().
void persist(Node& node);
/// Call each turn.
void retry_decisions(Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
