// SPDX-License-Identifier: BSD-3-Clause
// Files to credentials.
#include "control/monitor/tls.hh"

#include <grpcpp/grpcpp.h>

#include "dataplane/sys/input_file.hh"

namespace fairlead::monitor {
namespace {

constexpr std::size_t kMostFile = 1 << 20;

struct Pem {
  std::string certificate;
  std::string key;
  std::string ca;
};

base::Result<Pem> read(const Tls& tls) {
  Pem pem;
  FL_ASSIGN(pem.certificate, sys::read_input(tls.certificate, kMostFile, "a PEM file"));
  FL_ASSIGN(pem.key, sys::read_input(tls.key, kMostFile, "a PEM file"));
  FL_ASSIGN(pem.ca, sys::read_input(tls.ca, kMostFile, "a PEM file"));
  return pem;
}

}  // namespace

base::Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const Tls& tls) {
  if (!tls.on()) return grpc::InsecureServerCredentials();
  FL_ASSIGN(const Pem pem, read(tls));
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
  );
  options.pem_root_certs = pem.ca;
  options.pem_key_cert_pairs.push_back({pem.key, pem.certificate});
  return grpc::SslServerCredentials(options);
}

base::Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(const Tls& tls) {
  if (!tls.on()) return grpc::InsecureChannelCredentials();
  FL_ASSIGN(const Pem pem, read(tls));
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = pem.ca;
  options.pem_private_key = pem.key;
  options.pem_cert_chain = pem.certificate;
  return grpc::SslCredentials(options);
}

}  // namespace fairlead::monitor
