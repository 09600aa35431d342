// SPDX-License-Identifier: BSD-3-Clause
// The monitor's own figures for Prometheus.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/metrics_page.hh"
#include "dataplane/base/result.hh"

namespace fairlead::central {

/// Serves GET /metrics in threads of its own.
class Metrics {
 public:
  /// Fills a page; called from these threads.
  using Fill = std::function<void(control::MetricsPage& page)>;

  /// Listens on "ADDRESS:PORT". Errors: kUnavailable when the port is taken.
  static base::Result<std::unique_ptr<Metrics>> start(const std::string& listen, Fill fill);
  virtual ~Metrics() = default;
};

/// Seconds of CPU that this process has used.
double cpu_seconds();

}  // namespace fairlead::central
