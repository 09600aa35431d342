// SPDX-License-Identifier: BSD-3-Clause
// The gRPC service Monitoring of api/fairlead.proto.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/monitor/intake.hh"
#include "control/monitor/tls.hh"
#include "dataplane/base/result.hh"

namespace grpc {
class Service;
}

namespace fairlead::monitor {

/// Where reports go. Called from gRPC's threads, several at once.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Refusal on_report(const LoadReport& report) = 0;
  /// Something came that is no report, or only a part of one.
  virtual void on_malformed() = 0;
  /// The backend takes back what it said by on_leave().
  virtual void on_return(const std::string&) {}
  /// Flows that this node still holds to the backend; nullopt: it is in no pool.
  virtual std::optional<std::uint64_t> on_leave(
      const std::string& backend_id, const std::string& reason
  ) = 0;
};

/// Gives a report to the sink; a refused one is a line of the log at level debug.
Refusal take_told(Sink& sink, const LoadReport& report);

/// gRPC's callback interface: a thousand open streams cost a few threads, not a thousand.
class Service {
 public:
  /// Listens on "ADDRESS:PORT" (port 0: any free one), also for the services of `more`. All of them
  /// outlive this. Errors: kUnavailable when the address is taken or not ours; files of `tls`.
  static base::Result<std::unique_ptr<Service>> start(
      const std::string& listen,
      const Tls& tls,
      Sink& sink,
      const std::vector<grpc::Service*>& more = {}
  );
  virtual ~Service() = default;  // ends all streams within 200 ms
  [[nodiscard]] virtual int port() const = 0;
};

}  // namespace fairlead::monitor
