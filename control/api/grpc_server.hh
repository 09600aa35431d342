// SPDX-License-Identifier: BSD-3-Clause
// control.proto over gRPC: on a UNIX socket, whose clients' roles are their users, and over TCP
// with mutual TLS. With service.cc of monitor/ the only files of control that know gRPC.
#pragma once

#include <memory>
#include <string>

#include "control/api/dispatch.hh"
#include "control/api/tls.hh"

namespace fairlead::api {

class GrpcServer {
 public:
  /// `socket`: path of the UNIX socket, "" for none. `listen`: ADDRESS:PORT, "" for none.
  /// `dispatch` outlives the server. Errors: kUnavailable (port taken, TLS files do not fit), as
  /// listen's.
  static base::Result<std::unique_ptr<GrpcServer>> start(
      const std::string& socket, const std::string& listen, const Tls& tls, Dispatch& dispatch
  );
  /// Ends calls and watches; calls that wait for control must have been answered or refused.
  virtual ~GrpcServer() = default;
};

}  // namespace fairlead::api
