// SPDX-License-Identifier: BSD-3-Clause
// A lab backend: HTTP server whose answers take the time that a service model says, without CPU.
//
//   GET /...          X-Backend, X-Request-Id (echo), X-Start-Us; 503 when at capacity
//   GET /load         load report as JSON        GET /health   200
//   POST /speed?x=0.3 changes the speed          (these three only on --load-listen; /health on
//   both)
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>

#include "dataplane/sys/unique_fd.hh"
#include "tests/lab/command_line.hh"
#include "tests/lab/service_model.hh"
#include "tests/lab/sockets.hh"

namespace fairlead::lab {
namespace {

constexpr std::size_t kLargestHead = 16384;

struct Connection {
  sys::UniqueFd fd;
  std::string in;
  std::string out;
  bool control = false;  // came in on the load port
  bool busy = false;     // a request is in the model
  bool keep_alive = true;
  std::string request_id;
};

class Server {
 public:
  Server(std::string id, const ServiceSettings& settings)
      : id_(std::move(id)), model_(settings, monotonic_ns()) {
    epoll_ = sys::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  }

  /// False: the port could not be had; errno says why.
  bool listen(const Endpoint& endpoint, bool control);
  /// Serves until SIGTERM or SIGINT.
  void run();

 private:
  void accept_all(int listener, bool control);
  void read(std::uint64_t token);
  void handle_requests(std::uint64_t token);
  void handle(std::uint64_t token, Connection& c, std::string_view head);
  void handle_control(Connection& c, std::string_view method, std::string_view path);
  void reply(
      Connection& c, std::string_view status, std::string_view headers, std::string_view body
  );
  void advance(std::int64_t now_ns);
  void complete(std::uint64_t token, std::int64_t started_ns);
  void flush(std::uint64_t token);
  void close(std::uint64_t token);
  [[nodiscard]] std::string load_json() const;

  std::string id_;
  ServiceModel model_;
  sys::UniqueFd epoll_;
  std::map<std::uint64_t, std::pair<sys::UniqueFd, bool>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_token_ = 16;  // smaller ones are listeners and the signal descriptor
};

bool Server::listen(const Endpoint& endpoint, bool control) {
  sockaddr_storage address;
  const socklen_t length = endpoint.fill(address);
  sys::UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ss_family == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);  // [::] serves IPv4 too
  }
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return false;
  if (::listen(fd.get(), 4096) != 0) return false;
  const std::uint64_t token = listeners_.size() + 1;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = token}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
  listeners_.emplace(token, std::pair(std::move(fd), control));
  return true;
}

void Server::run() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  sys::UniqueFd signals(::signalfd(-1, &stop, SFD_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, signals.get(), &event);
  std::vector<epoll_event> events(256);
  while (true) {
    const std::int64_t wait_ns = std::max<std::int64_t>(*model_.next_event() - monotonic_ns(), 0);
    const timespec timeout{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
    const int n = ::epoll_pwait2(
        epoll_.get(), events.data(), static_cast<int>(events.size()), &timeout, nullptr
    );
    advance(monotonic_ns());
    for (int i = 0; i < n; ++i) {
      const std::uint64_t token = events[static_cast<std::size_t>(i)].data.u64;
      if (token == 0) return;
      if (const auto it = listeners_.find(token); it != listeners_.end()) {
        accept_all(it->second.first.get(), it->second.second);
      } else if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0) {
        flush(token);
      } else {
        read(token);
      }
    }
  }
}

void Server::accept_all(int listener, bool control) {
  while (true) {
    sys::UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) return;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::uint64_t token = next_token_++;
    epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.u64 = token}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
    auto connection = std::make_unique<Connection>();
    connection->fd = std::move(fd);
    connection->control = control;
    connections_.emplace(token, std::move(connection));
    read(token);  // the request is often here already
  }
}

void Server::read(std::uint64_t token) {
  const auto it = connections_.find(token);
  if (it == connections_.end()) return;
  Connection& c = *it->second;
  char buffer[4096];
  while (true) {
    const ssize_t n = ::recv(c.fd.get(), buffer, sizeof buffer, 0);
    if (n > 0) {
      c.in.append(buffer, static_cast<std::size_t>(n));
      if (c.in.size() > kLargestHead) return close(token);
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
    return close(token);  // end of stream or error: nobody waits for an answer any more
  }
  handle_requests(token);
}

void Server::handle_requests(std::uint64_t token) {
  while (true) {
    const auto it = connections_.find(token);
    if (it == connections_.end() || it->second->busy) return;
    Connection& c = *it->second;
    const auto length = head_length(c.in);
    if (!length) return;
    const std::string head = c.in.substr(0, *length);
    const auto body = number<std::size_t>(header(head, "Content-Length")).value_or(0);
    if (c.in.size() < *length + body) return;
    c.in.erase(0, *length + body);
    handle(token, c, head);
    flush(token);
  }
}

void Server::handle(std::uint64_t token, Connection& c, std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second <= first) {
    c.keep_alive = false;
    return reply(c, "400 Bad Request", "", "");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view path = line.substr(first + 1, second - first - 1);
  const std::string_view connection = header(head, "Connection");
  c.keep_alive = line.ends_with("HTTP/1.1") ? connection != "close" : connection == "keep-alive";
  if (path == "/health") return reply(c, "200 OK", "X-Backend: " + id_ + "\r\n", "ok\n");
  if (c.control) return handle_control(c, method, path);
  c.request_id = std::string(header(head, "X-Request-Id"));
  // First what ended until now: a core that was freed before this request came does not begin it
  // before it came.
  const std::int64_t now_ns = monotonic_ns();
  advance(now_ns);
  if (model_.offer(token, now_ns)) {
    c.busy = true;
    return;
  }
  reply(
      c,
      "503 Service Unavailable",
      "X-Backend: " + id_ + "\r\nX-Request-Id: " + c.request_id + "\r\n",
      "at capacity\n"
  );
}

void Server::handle_control(Connection& c, std::string_view method, std::string_view path) {
  if (path == "/load") {
    return reply(c, "200 OK", "Content-Type: application/json\r\n", load_json());
  }
  constexpr std::string_view kSpeed = "/speed?x=";
  if (method == "POST" && path.starts_with(kSpeed)) {
    const auto speed = number<double>(path.substr(kSpeed.size()));
    if (speed && *speed > 0 && *speed <= 100) {
      model_.set_speed(*speed, monotonic_ns());
      return reply(c, "200 OK", "", "ok\n");
    }
    return reply(c, "400 Bad Request", "", "speed: give x between 0 and 100\n");
  }
  reply(c, "404 Not Found", "", "try /load, /health or POST /speed?x=0.5\n");
}

void Server::reply(
    Connection& c, std::string_view status, std::string_view headers, std::string_view body
) {
  c.out.append("HTTP/1.1 ").append(status).append("\r\n").append(headers);
  c.out.append("Content-Length: ").append(std::to_string(body.size()));
  c.out.append(c.keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n").append(body);
}

void Server::advance(std::int64_t now_ns) {
  model_.advance(now_ns, [this](std::uint64_t token, std::int64_t started, std::int64_t) {
    complete(token, started);
  });
}

void Server::complete(std::uint64_t token, std::int64_t started_ns) {
  const auto it = connections_.find(token);
  if (it == connections_.end()) return;  // the client left while it was served
  Connection& c = *it->second;
  c.busy = false;
  reply(
      c,
      "200 OK",
      "X-Backend: " + id_ + "\r\nX-Request-Id: " + c.request_id +
          "\r\nX-Start-Us: " + std::to_string(realtime_us(started_ns)) + "\r\n",
      "hello\n"
  );
  flush(token);
  handle_requests(token);
}

void Server::flush(std::uint64_t token) {
  const auto it = connections_.find(token);
  if (it == connections_.end() || it->second->out.empty()) return;
  Connection& c = *it->second;
  const ssize_t n = ::send(c.fd.get(), c.out.data(), c.out.size(), MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) return close(token);
  if (n > 0) c.out.erase(0, static_cast<std::size_t>(n));
  if (c.out.empty() && !c.keep_alive && !c.busy) return close(token);
  const std::uint32_t want = c.out.empty() ? EPOLLIN | EPOLLRDHUP : EPOLLOUT | EPOLLRDHUP;
  epoll_event event{.events = want, .data = {.u64 = token}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, c.fd.get(), &event);
}

void Server::close(std::uint64_t token) {
  const auto it = connections_.find(token);
  if (it == connections_.end()) return;
  if (it->second->busy) model_.cancel(token);
  connections_.erase(it);
}

std::string Server::load_json() const {
  const ServiceLoad l = model_.load();
  char text[512];
  const int n = std::snprintf(
      text,
      sizeof text,
      "{\"cpu_utilization\":%.4f,\"mem_utilization\":%.4f,\"application_utilization\":%.4f,"
      "\"active_connections\":%u,\"capacity\":%u,\"completed\":%llu,\"mean_latency_us\":%.1f,"
      "\"rps_fractional\":%.2f,\"eps\":%.2f,\"rejected\":%llu,\"speed\":%.4f}\n",
      l.cpu_utilization,
      l.mem_utilization,
      l.application_utilization,
      l.active,
      model_.settings().capacity,
      static_cast<unsigned long long>(l.completed),
      l.mean_latency_us,
      l.rps,
      l.eps,
      static_cast<unsigned long long>(l.rejected),
      model_.effective_speed()
  );
  return std::string(text, static_cast<std::size_t>(n));
}

struct Options {
  std::string id = "b1";
  std::string listen = "[::]:80";
  std::string load_listen = "127.0.0.1:8081";
  ServiceSettings service;
};

int parse_options(int argc, char** argv, Options& o) {
  CLI::App app("lab backend: an HTTP server with a service-time model");
  const std::map<std::string, Distribution> distributions{
      {"constant", Distribution::kConstant},
      {"exponential", Distribution::kExponential},
      {"lognormal", Distribution::kLognormal}};
  ServiceSettings& s = o.service;
  app.add_option("--id", o.id, "backend id, sent as X-Backend")
      ->required()
      ->check([](const std::string& id) {
        const bool good = !id.empty() && base::printable(id) == id;
        return good ? std::string() : std::string("an id has no control characters");
      });
  app.add_option("--listen", o.listen, "address:port of the service");
  app.add_option("--load-listen", o.load_listen, "address:port of /load and /speed");
  app.add_option("--cores", s.cores, "virtual cores")->check(CLI::Range(1, 1024));
  app.add_option("--concurrency", s.capacity, "most requests at once")->check(CLI::Range(1, 65536));
  app.add_option("--mean-ms", s.mean_ms, "mean service time at speed 1")
      ->check(between(0.01, 60000.0));
  app.add_option("--distribution", s.distribution, "constant | exponential | lognormal")
      ->transform(CLI::CheckedTransformer(distributions));
  app.add_option("--sigma", s.sigma, "of the lognormal")->check(between(0.0, 4.0));
  app.add_option("--speed", s.speed, "1: as configured, 0.5: half as fast")
      ->check(between(0.01, 100.0));
  app.add_option("--drift-amplitude", s.drift_amplitude)->check(between(0.0, 0.9));
  app.add_option("--drift-period", s.drift_period_s, "seconds")->check(between(0.1, 86400.0));
  app.add_option("--drift-phase", s.drift_phase)->check(between(0.0, 1.0));
  app.add_option("--seed", s.seed);
  return parse_line(app, argc, argv);
}

int run_server(const Options& options) {
  Server server(options.id, options.service);
  for (const bool control : {false, true}) {
    const std::string& text = control ? options.load_listen : options.listen;
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint) {
      std::fprintf(stderr, "%s: not an address:port; write 10.0.0.1:80 or [::]:80\n", text.c_str());
      return 2;
    }
    if (!server.listen(*endpoint, control)) {
      std::perror(("listen on " + text).c_str());
      return 1;
    }
  }
  server.run();
  return 0;
}

}  // namespace
}  // namespace fairlead::lab

int main(int argc, char** argv) {
  fairlead::lab::Options options;
  const int status = fairlead::lab::parse_options(argc, argv, options);
  if (status != 0) return status < 0 ? 0 : status;
  return fairlead::lab::run_server(options);
}
