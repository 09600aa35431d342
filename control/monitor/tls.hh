// SPDX-License-Identifier: BSD-3-Clause
// Mutual TLS between monitors, nodes and agents: whoever has a certificate of the fleet's CA.
#pragma once

#include <memory>
#include <string>

#include "dataplane/base/result.hh"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace fairlead::monitor {

/// PEM files. All empty: without TLS.
struct Tls {
  std::string certificate;  // of this host
  std::string key;
  std::string ca;  // who signed the certificates of the others

  [[nodiscard]] bool on() const { return !certificate.empty(); }
};

/// Read once; renewed files count after a restart. Errors name the file.
base::Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const Tls& tls);
base::Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(const Tls& tls);

}  // namespace fairlead::monitor
