// SPDX-License-Identifier: BSD-3-Clause
// TLS over a probe's connected socket.
#pragma once

#include <memory>
#include <string_view>

#include <openssl/ssl.h>

#include "control/model/model.hh"

namespace fairlead::health {

/// Reads and writes like a non-blocking socket. The handshake happens by itself with the first of
/// them.
class TlsStream {
 public:
  /// `fd` stays the caller's. `protocol` is asked for by ALPN; "": none is.
  TlsStream(int fd, const model::ProbeTalk& talk, std::string_view protocol);

  enum class Result { kDone, kAgain, kEnd, kFailed };
  /// kDone: `count` bytes were read (written). kAgain: when the socket is ready again.
  Result read(char* to, std::size_t room, std::size_t& count);
  Result write(std::string_view from, std::size_t& count);

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  Result result(int code);
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace fairlead::health
