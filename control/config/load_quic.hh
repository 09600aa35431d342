// SPDX-License-Identifier: BSD-3-Clause
// The QUIC keys of vips and backends.
#pragma once

#include "control/config/section.hh"
#include "control/model/model.hh"

namespace fairlead::config {

/// vips[].quic: a list of {config, server_id_bytes}. Requires: vip.protocol is read.
void load_quic(const Section& s, model::Vip& vip, Diagnosis& diagnosis);

/// vips[].backends[].server_id: hexadecimal digits. Requires: vip.quic is read.
void load_server_id(const Section& b, const model::Vip& vip, model::Backend& backend);

/// Reports two backends of the vip that have one server id.
void check_server_ids(const Section& s, const model::Vip& vip);

}  // namespace fairlead::config
