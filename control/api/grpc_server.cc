// SPDX-License-Identifier: BSD-3-Clause
// Listening, and who may what.
#include "control/api/grpc_server.hh"

#include <chrono>
#include <string>
#include <utility>

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>

#include "control/api/grpc_call.hh"
#include "control/api/unix_listener.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/input_file.hh"

namespace fairlead::api {
namespace {

constexpr int kMostRequest = 16 << 20;  // a whole configuration
constexpr std::size_t kMostFile = 1 << 20;
constexpr std::string_view kService = "/fairlead.control.v1.Control/";

/// All methods for clients of one kind. gRPC does not tell a service whose UNIX connection a call
/// came by, so there is one server for those who may change things and one for the others.
class Methods final : public grpc::CallbackGenericService {
 public:
  Methods(Dispatch& dispatch, Peer peer) : dispatch_(dispatch), peer_(peer) {}
  Methods(Dispatch& dispatch, Tls tls)
      : dispatch_(dispatch), tls_(std::move(tls)), by_name_(true) {}

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context
  ) override {
    const std::string& path = context->method();
    const bool ours = path.rfind(kService, 0) == 0;
    const Rpc* rpc = ours ? find_rpc(path.substr(kService.size())) : nullptr;
    if (rpc == nullptr) {
      return make_refusal(
          {base::ErrorCode::kInvalidArgument,
           "no method " + base::quoted(path) + ", see control.proto"}
      );
    }
    if (rpc->server_streaming()) return make_watch(dispatch_, *rpc);
    return make_call(dispatch_, *rpc, by_name_ ? peer_of_call(*context) : peer_);
  }

  [[nodiscard]] Peer peer_of_call(const grpc::ServerContextBase& context) const {
    const auto auth = context.auth_context();
    const auto names = auth ? auth->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME)
                            : std::vector<grpc::string_ref>();
    if (names.size() != 1) return Peer::kReader;
    return peer_named(tls_, std::string(names.front().data(), names.front().size()));
  }

  Dispatch& dispatch_;
  Peer peer_ = Peer::kReader;
  Tls tls_;
  bool by_name_ = false;
};

base::Result<std::shared_ptr<grpc::ServerCredentials>> credentials(const Tls& tls) {
  FL_ASSIGN(const std::string key, sys::read_input(tls.key, kMostFile, "a PEM file"));
  FL_ASSIGN(const std::string chain, sys::read_input(tls.certificate, kMostFile, "a PEM file"));
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
  );
  FL_ASSIGN(options.pem_root_certs, sys::read_input(tls.client_ca, kMostFile, "a PEM file"));
  options.pem_key_cert_pairs.push_back({key, chain});
  return grpc::SslServerCredentials(options);
}

class GrpcServers final : public GrpcServer {
 public:
  ~GrpcServers() override {
    listener_.reset();  // nobody comes any more
    for (auto& [methods, server] : servers_) {
      server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
      server->Wait();
    }
  }

  base::Result<bool> listen_unix(const std::string& path, Dispatch& dispatch) {
    grpc::Server* readers = add(std::make_unique<Methods>(dispatch, Peer::kReader), "", nullptr);
    grpc::Server* admins = add(std::make_unique<Methods>(dispatch, Peer::kWriter), "", nullptr);
    if (readers == nullptr || admins == nullptr)
      return base::fail(base::ErrorCode::kInternal, "gRPC does not start");
    FL_ASSIGN(
        listener_,
        UnixListener::start(
            path,
            [readers, admins](sys::UniqueFd connection, Peer peer) {
              grpc::AddInsecureChannelFromFd(
                  peer == Peer::kWriter ? admins : readers, connection.release()
              );
            }
        )
    );
    return true;
  }

  base::Result<bool> listen_tcp(const std::string& address, const Tls& tls, Dispatch& dispatch) {
    FL_ASSIGN(const auto secured, credentials(tls));
    if (add(std::make_unique<Methods>(dispatch, tls), address, secured) != nullptr) return true;
    return base::fail(
        base::ErrorCode::kUnavailable,
        "api.grpc: cannot listen on " + address +
            ", the port is taken, the address is not of this host, or the TLS files do not fit"
    );
  }

 private:
  grpc::Server* add(
      std::unique_ptr<Methods> methods,
      const std::string& address,
      const std::shared_ptr<grpc::ServerCredentials>& secured
  ) {
    grpc::ServerBuilder builder;
    int port = 1;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(kMostRequest);
    if (!address.empty()) builder.AddListeningPort(address, secured, &port);
    builder.RegisterCallbackGenericService(methods.get());
    auto server = builder.BuildAndStart();
    if (server == nullptr || port == 0) return nullptr;
    servers_.emplace_back(std::move(methods), std::move(server));
    return servers_.back().second.get();
  }

  std::vector<std::pair<std::unique_ptr<Methods>, std::unique_ptr<grpc::Server>>> servers_;
  std::unique_ptr<UnixListener> listener_;
};

}  // namespace

base::Result<std::unique_ptr<GrpcServer>> GrpcServer::start(
    const std::string& socket, const std::string& listen, const Tls& tls, Dispatch& dispatch
) {
  auto servers = std::make_unique<GrpcServers>();
  if (!socket.empty()) FL_TRY(servers->listen_unix(socket, dispatch));
  if (!listen.empty()) FL_TRY(servers->listen_tcp(listen, tls, dispatch));
  return std::unique_ptr<GrpcServer>(std::move(servers));
}

}  // namespace fairlead::api
