// SPDX-License-Identifier: BSD-3-Clause
// What is said over a probe's connection: bytes in, bytes out, a verdict in the end. No sockets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control/health/checks.hh"

namespace fairlead::health {

struct Verdict {
  Outcome outcome = Outcome::kOk;
  int status = 0;  // of HTTP or gRPC; 0: none
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  /// What is to be sent now; every byte is given once.
  virtual std::string take_output() = 0;
  /// Bytes came, of UDP a whole datagram.
  virtual std::optional<Verdict> on_bytes(std::string_view bytes) = 0;
  /// The backend closed before there was a verdict.
  virtual Verdict on_end() = 0;
};

/// The exchange of a target; null where there is none: a connection is all that `tcp` asks for.
std::unique_ptr<Exchange> open_exchange(const Target& target);

std::unique_ptr<Exchange> open_http_exchange(const Target& target);
std::unique_ptr<Exchange> open_grpc_exchange(const Target& target);

}  // namespace fairlead::health
