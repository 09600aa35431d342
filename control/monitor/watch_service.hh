// SPDX-License-Identifier: BSD-3-Clause
// The gRPC service Fleet of monitor.proto: nodes watch, a monitor publishes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "control/monitor/monitor.grpc.pb.h"
#include "dataplane/base/clock.hh"

namespace fairlead::monitor {

/// Its methods may be called from any thread; gRPC calls from its own.
class WatchService {
 public:
  static std::unique_ptr<WatchService> make();
  virtual ~WatchService() = default;

  /// To every node that watches, and at once to whoever begins to within 2 s. Encoded once; a node
  /// that has not taken the last one yet gets this one after it, and none of those between.
  virtual void publish(const v1::MonitoringUpdate& update) = 0;
  /// Ends all streams, so that the server can end.
  virtual void end() = 0;
  [[nodiscard]] virtual std::size_t watching() const = 0;
  /// What nodes said within the last `age`.
  [[nodiscard]] virtual std::vector<v1::NodeRow> nodes(base::Nanoseconds now, base::Nanoseconds age)
      const = 0;
  /// For the server that carries it.
  virtual grpc::Service& grpc_service() = 0;
};

}  // namespace fairlead::monitor
