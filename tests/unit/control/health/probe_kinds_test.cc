// SPDX-License-Identifier: BSD-3-Clause
// UDP, gRPC and HTTPS probes against real servers on the loopback.
#include <thread>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "control/api/fairlead.grpc.pb.h"
#include "control/health/prober.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::health {
namespace {

/// A bound socket on 127.0.0.1, and its port.
std::pair<sys::UniqueFd, std::uint16_t> bound(int type) {
  sys::UniqueFd fd(::socket(AF_INET, type, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  return {std::move(fd), ntohs(at.sin_port)};
}

Target target(model::ProbeKind kind, std::uint16_t port, model::ProbeTalk talk = {}) {
  Target t;
  t.id = 1;
  t.kind = kind;
  t.address = net::IpAddr::v4(127, 0, 0, 1);
  t.port = port;
  t.talk = std::move(talk);
  t.host = "test";
  t.interval = 2 * base::kSecond;
  t.timeout = base::kSecond;
  return t;
}

/// The first result of a target's probe.
ProbeResult probe(const Target& what) {
  Prober prober;
  EXPECT_TRUE(prober.start());
  prober.set_targets({what});
  pollfd ready{prober.ready_fd(), POLLIN, 0};
  while (::poll(&ready, 1, 10'000) == 1) {
    for (const ProbeResult& r : prober.take_results()) return r;
  }
  ADD_FAILURE() << "no result";
  return {};
}

TEST(ProbeKinds, UdpAsksAndComparesTheAnswer) {
  const auto [server, port] = bound(SOCK_DGRAM);
  std::thread echo([fd = server.get()] {
    char bytes[64];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    for (ssize_t got;
         (got = ::recvfrom(fd, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size)
         ) >= 0;) {
      if (std::string_view(bytes, static_cast<std::size_t>(got)) == "end") return;
      const std::string answer = "<" + std::string(bytes, static_cast<std::size_t>(got)) + ">";
      (void
      )!::sendto(fd, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  });
  model::ProbeTalk talk;
  EXPECT_EQ(probe(target(model::ProbeKind::kUdp, port)).outcome, Outcome::kOk);
  talk.send = std::string("a\0b", 3);
  talk.expect = std::string("\0b>", 3);
  EXPECT_EQ(probe(target(model::ProbeKind::kUdp, port, talk)).outcome, Outcome::kOk);
  talk.expect = "pong";
  EXPECT_EQ(probe(target(model::ProbeKind::kUdp, port, talk)).outcome, Outcome::kBadBody);
  talk.send = "end";
  Target silent = target(model::ProbeKind::kUdp, port, talk);
  silent.timeout = 50 * base::kMillisecond;
  EXPECT_EQ(probe(silent).outcome, Outcome::kTimeout);
  echo.join();
}

TEST(ProbeKinds, UdpHearsThatNobodyListens) {
  std::uint16_t port = 0;
  { port = bound(SOCK_DGRAM).second; }
  EXPECT_EQ(probe(target(model::ProbeKind::kUdp, port)).outcome, Outcome::kRefused);
}

/// A gRPC server with the health service, that has a service that serves and one that does not.
struct GrpcServer {
  explicit GrpcServer(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.RegisterService(&something);
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    server = builder.BuildAndStart();
    if (server == nullptr) return;
    server->GetHealthCheckService()->SetServingStatus("app.Shop", true);
    server->GetHealthCheckService()->SetServingStatus("app.Stock", false);
  }
  v1::Monitoring::Service something;  // a server needs a service of its own
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

TEST(ProbeKinds, GrpcAsksTheHealthService) {
  const GrpcServer grpc(grpc::InsecureServerCredentials());
  ASSERT_NE(grpc.server, nullptr);
  const auto ask = [&](const char* service) {
    model::ProbeTalk talk;
    talk.service = service;
    return probe(target(model::ProbeKind::kGrpc, static_cast<std::uint16_t>(grpc.port), talk));
  };

  EXPECT_EQ(ask("").outcome, Outcome::kOk);
  EXPECT_EQ(ask("app.Shop").outcome, Outcome::kOk);
  EXPECT_EQ(ask("app.Stock").outcome, Outcome::kNotServing);
  const ProbeResult unknown = ask("app.Nobody");
  EXPECT_EQ(unknown.outcome, Outcome::kBadStatus);
  EXPECT_EQ(unknown.status, grpc::StatusCode::NOT_FOUND);
}

/// Answers one connection with `bytes`.
class OneAnswer {
 public:
  explicit OneAnswer(std::string bytes) {
    std::tie(listener_, port_) = bound(SOCK_STREAM);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    thread_ = std::thread([this, bytes] {
      const sys::UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
      char request[1024];
      (void)!::recv(client.get(), request, sizeof request, 0);
      (void)!::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    });
  }
  ~OneAnswer() { thread_.join(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  sys::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(ProbeKinds, GrpcToWhatIsNoGrpc) {
  const OneAnswer http1("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(probe(target(model::ProbeKind::kGrpc, http1.port())).outcome, Outcome::kBadReply);
}

/// A certificate of its own for a name, and its key.
struct SelfSigned {
  explicit SelfSigned(const char* name) {
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(certificate),
        "CN",
        MBSTRING_ASC,
        reinterpret_cast<const unsigned char*>(name),
        -1,
        -1,
        0
    );
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_sign(certificate, key, EVP_sha256());
  }
  ~SelfSigned() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  SelfSigned(const SelfSigned&) = delete;
  SelfSigned& operator=(const SelfSigned&) = delete;
  template <typename Write>
  static std::string pem(const Write& write) {
    BIO* const memory = BIO_new(BIO_s_mem());
    write(memory);
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory, &text);
    std::string out(text, static_cast<std::size_t>(size));
    BIO_free(memory);
    return out;
  }
  [[nodiscard]] std::string certificate_pem() const {
    return pem([this](BIO* to) { PEM_write_bio_X509(to, certificate); });
  }
  [[nodiscard]] std::string key_pem() const {
    return pem([this](BIO* to) {
      PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  EVP_PKEY* key = EVP_RSA_gen(2048);
  X509* certificate = X509_new();
};

/// An HTTPS server for `name`, for one connection.
class TlsServer {
 public:
  explicit TlsServer(const char* name) : context_(SSL_CTX_new(TLS_server_method())) {
    const SelfSigned own(name);
    SSL_CTX_use_certificate(context_, own.certificate);
    SSL_CTX_use_PrivateKey(context_, own.key);
    std::tie(listener_, port_) = bound(SOCK_STREAM);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    thread_.join();
    SSL_CTX_free(context_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string asked_for() {
    thread_.join();
    thread_ = std::thread([] {});
    return asked_for_;
  }

 private:
  void serve() {
    const sys::UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, client.get());
    if (SSL_accept(ssl) == 1) {
      const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
      asked_for_ = name == nullptr ? "" : name;
      char request[1024];
      if (SSL_read(ssl, request, sizeof request) > 0) {
        const std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready";
        SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
        SSL_shutdown(ssl);
      }
    }
    SSL_free(ssl);
  }
  SSL_CTX* context_;
  sys::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::string asked_for_;
  std::thread thread_;
};

TEST(ProbeKinds, HttpsReadsStatusAndBody) {
  TlsServer server("shop.test");
  model::ProbeTalk talk;
  talk.body = "ready";
  talk.tls_name = "shop.test";
  const ProbeResult result = probe(target(model::ProbeKind::kHttps, server.port(), talk));
  EXPECT_EQ(result.outcome, Outcome::kOk);
  EXPECT_EQ(result.status, 200);
  EXPECT_EQ(server.asked_for(), "shop.test");
}

TEST(ProbeKinds, HttpsRefusesACertificateOfNobodyWhereItIsVerified) {
  const TlsServer server("shop.test");
  model::ProbeTalk talk;
  talk.tls_name = "shop.test";
  talk.tls_verify = true;
  EXPECT_EQ(probe(target(model::ProbeKind::kHttps, server.port(), talk)).outcome, Outcome::kBadTls);
}

TEST(ProbeKinds, GrpcOverTlsAsksTheSameAndProvesTheNameIfTold) {
  const SelfSigned own("shop.test");
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({own.key_pem(), own.certificate_pem()});
  const GrpcServer grpc(grpc::SslServerCredentials(options));
  ASSERT_NE(grpc.server, nullptr);
  const auto ask = [&](model::ProbeKind kind, const char* service, bool verify) {
    model::ProbeTalk talk;
    talk.service = service;
    talk.tls_name = "shop.test";
    talk.tls_verify = verify;
    return probe(target(kind, static_cast<std::uint16_t>(grpc.port), talk)).outcome;
  };

  EXPECT_EQ(ask(model::ProbeKind::kGrpcs, "app.Shop", false), Outcome::kOk);
  EXPECT_EQ(ask(model::ProbeKind::kGrpcs, "app.Stock", false), Outcome::kNotServing);
  EXPECT_EQ(ask(model::ProbeKind::kGrpcs, "", true), Outcome::kBadTls) << "nobody vouches for it";
  EXPECT_NE(ask(model::ProbeKind::kGrpc, "", false), Outcome::kOk) << "it speaks nothing but TLS";
}

TEST(ProbeKinds, GrpcOverTlsToAServerWithoutTls) {
  const GrpcServer grpc(grpc::InsecureServerCredentials());
  EXPECT_EQ(
      probe(target(model::ProbeKind::kGrpcs, static_cast<std::uint16_t>(grpc.port))).outcome,
      Outcome::kBadTls
  );
}

TEST(ProbeKinds, HttpsToWhatIsNoTls) {
  const OneAnswer http("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(probe(target(model::ProbeKind::kHttps, http.port())).outcome, Outcome::kBadTls);
}

}  // namespace
}  // namespace fairlead::health
