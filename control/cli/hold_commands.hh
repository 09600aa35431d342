// SPDX-License-Identifier: BSD-3-Clause
// drain, undrain, maint, disable, enable, show drain: values and pages.
#pragma once

#include <span>
#include <string>

#include "control/cli/page.hh"
#include "control/cli/parse.hh"

namespace fairlead::cli {

/// Part of value_kinds().
std::span<const ValueKind> hold_kinds();

bool is_hold(const Call& call);
/// "b1 in vip web: draining, no new flows, in 10m reset"; `subject` names the backend.
std::string hold_sentence(const Call& call, const std::string& subject, const Json& result);

Page drain_page(const Json& rows);

}  // namespace fairlead::cli
