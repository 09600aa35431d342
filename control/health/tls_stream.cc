// SPDX-License-Identifier: BSD-3-Clause
// OpenSSL on non-blocking sockets.
#include "control/health/tls_stream.hh"

#include <vector>

#include <openssl/err.h>

namespace fairlead::health {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// One for all probes; certificates of this host's authorities are read once.
SSL_CTX* context() {
  static const std::unique_ptr<SSL_CTX, FreeContext> shared = [] {
    std::unique_ptr<SSL_CTX, FreeContext> made(SSL_CTX_new(TLS_client_method()));
    if (made) (void)SSL_CTX_set_default_verify_paths(made.get());
    if (made)
      SSL_CTX_set_mode(
          made.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
      );
    return made;
  }();
  return shared.get();
}

}  // namespace

TlsStream::TlsStream(int fd, const model::ProbeTalk& talk, std::string_view protocol)
    : ssl_(SSL_new(context())) {
  if (!ssl_) return;
  if (!protocol.empty()) {
    std::vector<unsigned char> list{static_cast<unsigned char>(protocol.size())};
    list.insert(list.end(), protocol.begin(), protocol.end());
    (void)SSL_set_alpn_protos(ssl_.get(), list.data(), static_cast<unsigned>(list.size()));
  }
  (void)SSL_set_fd(ssl_.get(), fd);
  SSL_set_connect_state(ssl_.get());
  if (!talk.tls_name.empty()) (void)SSL_set_tlsext_host_name(ssl_.get(), talk.tls_name.c_str());
  if (!talk.tls_verify) return;
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
  if (!talk.tls_name.empty()) (void)SSL_set1_host(ssl_.get(), talk.tls_name.c_str());
}

TlsStream::Result TlsStream::read(char* to, std::size_t room, std::size_t& count) {
  if (!ssl_) return Result::kFailed;
  ERR_clear_error();
  return result(SSL_read_ex(ssl_.get(), to, room, &count));
}

TlsStream::Result TlsStream::write(std::string_view from, std::size_t& count) {
  if (!ssl_) return Result::kFailed;
  ERR_clear_error();
  return result(SSL_write_ex(ssl_.get(), from.data(), from.size(), &count));
}

TlsStream::Result TlsStream::result(int code) {
  if (code == 1) return Result::kDone;
  switch (SSL_get_error(ssl_.get(), code)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Result::kAgain;
    case SSL_ERROR_ZERO_RETURN:
      return Result::kEnd;
    default:
      return SSL_is_init_finished(ssl_.get()) ? Result::kEnd : Result::kFailed;
  }
}

}  // namespace fairlead::health
