// SPDX-License-Identifier: BSD-3-Clause
// `monitoring:`.
#pragma once

#include "control/config/config.hh"
#include "control/config/section.hh"

namespace fairlead::config {

Monitoring load_monitoring(const Section& root);

/// Mutual TLS with monitors, nodes and agents: PEM files, all three or none.
struct MonitoringTls {
  std::string certificate;
  std::string key;
  std::string ca;
  friend bool operator==(const MonitoringTls&, const MonitoringTls&) = default;
};

/// Of a configuration that was loaded. Only control and monitors want them, so they are no part of
/// Config.
MonitoringTls monitoring_tls_of(const Config& config);

}  // namespace fairlead::config
