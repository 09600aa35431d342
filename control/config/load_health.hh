// SPDX-License-Identifier: BSD-3-Clause
// `health:` at the top of the file and of vips.
#pragma once

#include "control/config/section.hh"
#include "control/model/model.hh"

namespace fairlead::config {

/// The section at the top: the defaults of all vips.
model::Health load_health(const Section& root);

/// A vip's section `s` with what differs from `top`. UDP vips take their hosts' state from other
/// pools, and l2 vips are probed directly, unless their own health says otherwise. Requires:
/// vip.protocol and vip.encapsulation are read.
model::Health load_vip_health(const Section& s, const model::Vip& vip, const model::Health& top);

}  // namespace fairlead::config
