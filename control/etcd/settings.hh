// SPDX-License-Identifier: BSD-3-Clause
// From the configuration to what a client needs.
#pragma once

#include "control/config/config.hh"
#include "control/etcd/client.hh"

namespace fairlead::etcd {

/// Reads password and certificates. Errors: a file that cannot be read, by its key.
base::Result<Settings> settings_of(const config::Etcd& config);

}  // namespace fairlead::etcd
