// SPDX-License-Identifier: BSD-3-Clause
// Handlers, streams, and the two ways in.
#include "control/api/http_server.hh"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <future>
#include <httplib.h>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include <openssl/x509.h>

#include "control/api/http_answers.hh"
#include "control/api/unix_listener.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::api {
namespace {

using Json = nlohmann::json;
using base::ErrorCode;

constexpr std::size_t kThreads = 16;
constexpr unsigned kMostWatches = 8;  // each holds a thread
constexpr std::size_t kMostBody = 16U << 20;
constexpr std::size_t kMostReaderBody = 64U << 10;
constexpr std::chrono::seconds kPatience{10};    // for control's answer
constexpr std::chrono::milliseconds kLook{500};  // is the client of a watch still there?
constexpr const char* kRole = "Fairlead-Role";   // set by us, never taken from a client

/// A connection that we accepted ourselves.
class Connection final : public httplib::Stream {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  bool is_readable() const override { return ready(POLLIN, kReadMs); }
  bool is_writable() const override { return ready(POLLOUT, kWriteMs); }
  ssize_t read(char* to, std::size_t size) override {
    return is_readable() ? ::recv(fd_, to, size, 0) : -1;
  }
  ssize_t write(const char* from, std::size_t size) override {
    return is_writable() ? ::send(fd_, from, size, MSG_NOSIGNAL) : -1;
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = "unix";
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    get_remote_ip_and_port(ip, port);
  }
  int socket() const override { return fd_; }

 private:
  static constexpr int kReadMs = 5000;
  static constexpr int kWriteMs = 60'000;  // a slow watcher; a shutdown wakes us

  bool ready(short events, int wait_ms) const {
    pollfd waiting{fd_, events, 0};
    return ::poll(&waiting, 1, wait_ms) > 0 && (waiting.revents & (POLLERR | POLLNVAL)) == 0;
  }
  int fd_;
};

Peer peer_of_certificate(const Tls& tls, SSL* ssl) {
  X509* certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr) return Peer::kReader;
  char name[256] = {};
  const int size = X509_NAME_get_text_by_NID(
      X509_get_subject_name(certificate), NID_commonName, name, sizeof name
  );
  X509_free(certificate);
  // A name with a zero byte is somebody else's than it looks.
  if (size <= 0 || std::strlen(name) != static_cast<std::size_t>(size)) return Peer::kReader;
  return peer_named(tls, name);
}

/// Answers requests; shared by all ways in.
class Answers {
 public:
  Answers(Dispatch& dispatch, const Tls& tls) : dispatch_(dispatch), tls_(tls) {}

  void install(httplib::Server& server) {
    server.Get(".*", [this](const httplib::Request& in, httplib::Response& out) {
      respond(in, "", out);
    });
    // Read here, because httplib takes a body apart whose type is that of a form, which is what
    // curl calls everything: it would come as a query, and of 8 KiB at most.
    server.Post(
        ".*",
        [this](
            const httplib::Request& in, httplib::Response& out, const httplib::ContentReader& read
        ) {
          std::string body;
          if (read_body(in, read, body)) return respond(in, body, out);
          if (out.status < 400) out.status = 400;
        }
    );
    server.set_payload_max_length(kMostBody);
    server.set_keep_alive_timeout(1);
    server.set_error_handler([](const httplib::Request&, httplib::Response& out) {
      if (!out.body.empty()) return;  // ours
      const std::string what = out.status == 413 ? "the body is longer than 16 MiB"
                                                 : "no request that is understood here, use GET or "
                                                   "POST on /v1/ and a command's words, with JSON";
      out.set_content(error_body({ErrorCode::kInvalidArgument, what}), "application/json");
    });
  }
  void end() { ending_ = true; }

 private:
  void refuse(httplib::Response& out, const base::Error& error) const {
    out.status = http_status(error.code);
    out.set_content(error_body(error), "application/json");
  }

  Peer peer_of_request(const httplib::Request& in) const {
    if (in.ssl != nullptr) return peer_of_certificate(tls_, const_cast<SSL*>(in.ssl));
    return in.get_header_value(kRole) == "admin" ? Peer::kWriter : Peer::kReader;
  }

  static bool read_body(
      const httplib::Request& in, const httplib::ContentReader& read, std::string& body
  ) {
    if (in.is_multipart_form_data()) {  // nothing here is uploaded in parts
      (void)read(
          [](const httplib::MultipartFormData&) { return true; },
          [](const char*, std::size_t) { return true; }
      );
      return false;
    }
    return read([&body](const char* data, std::size_t size) {
      body.append(data, size);
      return true;
    });
  }

  void respond(const httplib::Request& in, const std::string& body, httplib::Response& out) {
    Json query = Json::object();
    for (const auto& [key, value] : in.params) {
      if (query.contains(key)) return refuse(out, twice(key));
      query[key] = value;
    }
    const Peer peer = peer_of_request(in);
    if (peer == Peer::kReader && body.size() > kMostReaderBody)
      return refuse(out, {ErrorCode::kInvalidArgument, "the body is longer than 64 KiB"});
    auto call = http_call(in.method, in.path, query, body);
    if (sys::would_log(sys::LogLevel::kDebug)) {
      sys::log_debug(
          in.method + " " + in.path.substr(0, 120) + " bytes=" + std::to_string(body.size()) +
          (peer == Peer::kWriter ? " by=admin" : " by=reader")
      );
    }
    if (!call) return refuse(out, call.error());
    if (!call->watch.empty()) return watch(*call, out);
    const auto result = ask(*call, peer);
    if (!result) return refuse(out, result.error());
    out.set_content(
        result->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", "application/json"
    );
  }

  static base::Error twice(const std::string& key) {
    return base::invalid("argument '" + key.substr(0, 60) + "' is in the query twice").value();
  }

  base::Result<Json> ask(const HttpCall& call, Peer peer) {
    auto promise = std::make_shared<std::promise<base::Result<Json>>>();
    auto answer = promise->get_future();
    dispatch_.ask(call.method, call.arguments, peer, [promise](base::Result<Json> result) {
      promise->set_value(std::move(result));
    });
    if (answer.wait_for(kPatience) == std::future_status::ready) return answer.get();
    return base::fail(ErrorCode::kUnavailable, "fairlead-control did not answer in time");
  }

  struct Follower {
    std::mutex mutex;
    std::condition_variable woken;
    std::uint64_t after = 0;
    std::uint64_t missed = 0;
    std::uint64_t key = 0;
  };

  void watch(const HttpCall& call, httplib::Response& out) {
    const Watched what = watched(dispatch_, call.watch);
    const auto after = watch_from(what, call.arguments);
    if (!after) return refuse(out, after.error());
    if (watches_.fetch_add(1) >= kMostWatches) {
      --watches_;
      return refuse(out, {ErrorCode::kResourceExhausted, "8 watches run already, end one of them"});
    }
    auto follower = std::make_shared<Follower>();
    follower->after = *after;
    follower->key = what.ring->subscribe([follower = follower.get()] {
      follower->woken.notify_one();  // a wake-up between look and wait is caught by kLook
    });
    out.set_chunked_content_provider(
        "application/x-ndjson",
        [this, what, follower](std::size_t, httplib::DataSink& sink) {
          return send_next(what, *follower, sink);
        },
        [this, what, follower](bool) {
          what.ring->forget(follower->key);
          --watches_;
        }
    );
  }

  bool send_next(const Watched& what, Follower& follower, httplib::DataSink& sink) {
    if (ending_) {
      sink.done();
      return true;
    }
    const EventRing::Page page = what.ring->read(follower.after, what.kind, 64);
    follower.after = page.next;
    follower.missed += page.missed;
    if (page.events.empty()) {
      std::unique_lock lock(follower.mutex);
      follower.woken.wait_for(lock, kLook);
      return sink.is_writable();
    }
    std::string lines;
    for (const Event& event : page.events) {
      Json json = to_json(event);
      if (follower.missed != 0) json["missed"] = std::exchange(follower.missed, 0);
      lines += json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    return sink.write(lines.data(), lines.size());
  }

  Dispatch& dispatch_;
  Tls tls_;
  std::atomic<bool> ending_{false};
  std::atomic<unsigned> watches_{0};
};

/// httplib's requests on connections that the UNIX listener accepted.
class UnixHttp final : public httplib::Server {
 public:
  /// httplib ends streams when its listening socket is gone. It has none here: any number but -1
  /// says that we go on; it is never used as one.
  UnixHttp() { svr_sock_ = 0; }
  void take(sys::UniqueFd connection, Peer peer) {
    auto owned = std::make_shared<sys::UniqueFd>(std::move(connection));
    {
      const std::lock_guard lock(mutex_);
      open_.insert(owned->get());
    }
    pool_.enqueue([this, owned, peer] {
      serve(owned->get(), peer);
      const std::lock_guard lock(mutex_);
      open_.erase(owned->get());
    });
  }
  void end() {
    svr_sock_ = INVALID_SOCKET;
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) (void)::shutdown(fd, SHUT_RDWR);
    }
    pool_.shutdown();
  }

 private:
  void serve(int fd, Peer peer) {
    constexpr int kMostRequests = 1000;
    constexpr int kIdleMs = 1000;  // a connection holds a thread
    Connection stream(fd);
    for (int left = kMostRequests; left > 0; --left) {
      pollfd waiting{fd, POLLIN, 0};
      if (::poll(&waiting, 1, kIdleMs) <= 0) return;
      bool closed = false;
      const auto set_role = [peer](httplib::Request& request) {
        request.headers.erase(kRole);
        request.headers.emplace(kRole, peer == Peer::kWriter ? "admin" : "reader");
      };
      if (!process_request(stream, left == 1, closed, set_role) || closed) return;
    }
  }

  httplib::ThreadPool pool_{kThreads};
  std::mutex mutex_;
  std::set<int> open_;
};

class HttpServers final : public HttpServer {
 public:
  HttpServers(Dispatch& dispatch, const Tls& tls) : answers_(dispatch, tls) {}
  ~HttpServers() override {
    answers_.end();
    listener_.reset();
    if (unix_) unix_->end();
    if (tcp_) tcp_->stop();
    if (thread_.joinable()) thread_.join();
  }

  base::Result<bool> listen_unix(const std::string& path) {
    unix_ = std::make_unique<UnixHttp>();
    answers_.install(*unix_);
    FL_ASSIGN(listener_, UnixListener::start(path, [this](sys::UniqueFd connection, Peer peer) {
                unix_->take(std::move(connection), peer);
              }));
    return true;
  }

  base::Result<bool> listen_tcp(const std::string& host, int port, const Tls& tls) {
    tcp_ = std::make_unique<httplib::SSLServer>(
        tls.certificate.c_str(), tls.key.c_str(), tls.client_ca.c_str()
    );
    if (!tcp_->is_valid()) {
      return base::invalid(
          "api.http: the TLS files do not fit, check api.certificate, api.key and api.client_ca"
      );
    }
    answers_.install(*tcp_);
    tcp_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    if (!tcp_->bind_to_port(host, port)) {
      return base::fail(
          ErrorCode::kUnavailable,
          "api.http: cannot listen on " + host + " port " + std::to_string(port) +
              ", the port is taken or the address is not of this host"
      );
    }
    thread_ = std::thread([this] { tcp_->listen_after_bind(); });
    return true;
  }

 private:
  Answers answers_;
  std::unique_ptr<UnixHttp> unix_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<httplib::SSLServer> tcp_;
  std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<HttpServer>> HttpServer::start(
    const std::string& socket, const std::string& listen, const Tls& tls, Dispatch& dispatch
) {
  auto servers = std::make_unique<HttpServers>(dispatch, tls);
  if (!socket.empty()) FL_TRY(servers->listen_unix(socket));
  if (!listen.empty()) {
    const std::size_t colon = listen.rfind(':');
    std::string host = listen.substr(0, colon);
    if (host.front() == '[') host = host.substr(1, host.size() - 2);
    FL_TRY(servers->listen_tcp(host, std::stoi(listen.substr(colon + 1)), tls));
  }
  return std::unique_ptr<HttpServer>(std::move(servers));
}

}  // namespace fairlead::api
