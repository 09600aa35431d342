// SPDX-License-Identifier: BSD-3-Clause
// control.proto as HTTP/JSON (docs/api.md): on a UNIX socket, whose clients' roles are their users,
// and over TCP with mutual TLS. The only file of control that knows cpp-httplib.
#pragma once

#include <memory>
#include <string>

#include "control/api/dispatch.hh"
#include "control/api/tls.hh"

namespace fairlead::api {

class HttpServer {
 public:
  /// As GrpcServer::start.
  static base::Result<std::unique_ptr<HttpServer>> start(
      const std::string& socket, const std::string& listen, const Tls& tls, Dispatch& dispatch
  );
  virtual ~HttpServer() = default;
};

}  // namespace fairlead::api
