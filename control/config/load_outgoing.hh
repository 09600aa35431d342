// SPDX-License-Identifier: BSD-3-Clause
// What a node writes on the wire: sections `tunnel` and `icmp`, and a vip's share of it.
#pragma once

#include "control/config/section.hh"
#include "control/model/model.hh"

namespace fairlead::config {

/// Sections `tunnel` and `icmp` of the file.
model::Outgoing load_outgoing(const Section& root);

/// A vip's `mss` and `echo`.
void load_vip_outgoing(const Section& vip_section, model::Vip& vip);

}  // namespace fairlead::config
