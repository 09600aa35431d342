// SPDX-License-Identifier: BSD-3-Clause
// Open-loop HTTP load: every request has its own id, its own connection and its own source tuple.
//
// No request is ever sent twice: what the first connection does not bring is `failed`. (The
// kernel's own retransmission of a SYN or of data stays: that is TCP, and clients have it.)
#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "dataplane/sys/unique_fd.hh"
#include "tests/lab/arrivals.hh"
#include "tests/lab/command_line.hh"
#include "tests/lab/request_log.hh"
#include "tests/lab/sockets.hh"

namespace fairlead::lab {
namespace {

constexpr std::int64_t kStatusNs = 200'000'000;
constexpr std::uint16_t kFirstPort = 2048;
constexpr unsigned kPorts = 63000;

volatile std::sig_atomic_t g_stop = 0;

struct Options {
  std::vector<std::string> targets;
  std::string source4 = "10.99.0.10";
  std::string source6;
  unsigned source_count = 32;
  double v6_share = 0.0;
  double rate = 600;
  double seconds = 60;
  double timeout_s = 5;
  Arrivals::Kind arrivals = Arrivals::Kind::kPoisson;
  std::uint64_t seed = 1;
  std::string csv = "requests.csv";
};

struct Request {
  sys::UniqueFd fd;
  Record record;
  std::string in;
  bool sent = false;
};

/// Source addresses in turn, each with its ports in turn: no tuple comes twice before
/// source_count x kPorts requests, so a source tuple names a request.
class Sources {
 public:
  Sources(const net::IpAddr& first, unsigned count) : first_(first), count_(count) {}

  Endpoint next() {
    Endpoint e{first_, 0};
    const std::size_t last = first_.is_v4() ? 3 : 15;
    e.address.bytes[last] = static_cast<std::uint8_t>(first_.bytes[last] + used_ % count_);
    e.port = static_cast<std::uint16_t>(kFirstPort + (used_ / count_) % kPorts);
    ++used_;
    return e;
  }

 private:
  net::IpAddr first_;
  unsigned count_;
  std::uint64_t used_ = 0;
};

class Generator {
 public:
  Generator(
      const Options& options, std::vector<Endpoint> v4, std::vector<Endpoint> v6, std::FILE* csv
  );
  /// Sends for options.seconds, waits for the last answers. Returns the number of failed requests.
  std::uint64_t run();

 private:
  void wait(std::int64_t until_ns);
  void start_request(std::int64_t due_ns);
  void on_event(std::uint64_t number, std::uint32_t events);
  void send_request(std::uint64_t number, Request& r);
  void read_answer(std::uint64_t number, Request& r);
  void finish_answer(std::uint64_t number, Request& r, std::string_view head);
  void finish(std::uint64_t number, Outcome outcome, std::string error);
  void expire(std::int64_t now_ns);
  void print_status(std::int64_t now_ns);

  Options options_;
  std::vector<Endpoint> targets4_;
  std::vector<Endpoint> targets6_;
  std::optional<Sources> sources4_;
  std::optional<Sources> sources6_;
  RequestLog log_;
  sys::UniqueFd epoll_;
  std::mt19937_64 random_;
  Arrivals arrivals_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Request>> open_;
  std::deque<std::pair<std::int64_t, std::uint64_t>> deadlines_;  // in order: one time-out for all
  std::uint64_t sent_ = 0;
  std::int64_t next_status_ns_;
};

Generator::Generator(
    const Options& options, std::vector<Endpoint> v4, std::vector<Endpoint> v6, std::FILE* csv
)
    : options_(options),
      targets4_(std::move(v4)),
      targets6_(std::move(v6)),
      log_(csv),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      random_(options.seed + 1),
      arrivals_(options.arrivals, options.rate, options.seed, monotonic_ns()),
      next_status_ns_(monotonic_ns() + kStatusNs) {
  if (!targets4_.empty())
    sources4_.emplace(*net::IpAddr::parse(options.source4), options.source_count);
  if (!targets6_.empty())
    sources6_.emplace(*net::IpAddr::parse(options.source6), options.source_count);
}

std::uint64_t Generator::run() {
  const std::int64_t end_ns = monotonic_ns() + static_cast<std::int64_t>(options_.seconds * 1e9);
  while (g_stop == 0) {
    const std::int64_t now_ns = monotonic_ns();
    const bool sending = arrivals_.next() <= end_ns;
    if (!sending && open_.empty()) break;
    // What is due now, at most kLatestNs worth of schedule.
    while (arrivals_.next() <= std::min(now_ns, end_ns)) start_request(arrivals_.take(now_ns));
    if (now_ns >= next_status_ns_) print_status(now_ns);
    expire(now_ns);
    std::int64_t until_ns = next_status_ns_;
    if (sending) until_ns = std::min(until_ns, arrivals_.next());
    if (!deadlines_.empty()) until_ns = std::min(until_ns, deadlines_.front().first);
    wait(until_ns);
  }
  while (!open_.empty()) finish(open_.begin()->first, Outcome::kFailed, "stopped");
  print_status(monotonic_ns());
  return log_.failed();
}

void Generator::wait(std::int64_t until_ns) {
  const std::int64_t wait_ns = std::max<std::int64_t>(until_ns - monotonic_ns(), 0);
  const timespec timeout{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
  epoll_event events[256];
  const int n = ::epoll_pwait2(epoll_.get(), events, 256, &timeout, nullptr);
  for (int i = 0; i < n; ++i) on_event(events[i].data.u64, events[i].events);
}

void Generator::start_request(std::int64_t due_ns) {
  const std::uint64_t number = ++sent_;
  const bool v6 =
      targets4_.empty() ||
      (!targets6_.empty() && std::generate_canonical<double, 53>(random_) < options_.v6_share);
  const auto& targets = v6 ? targets6_ : targets4_;
  const Endpoint target = targets[number % targets.size()];
  const Endpoint source = v6 ? sources6_->next() : sources4_->next();
  auto owned = std::make_unique<Request>();
  Request& r = *owned;
  char id[64];
  std::snprintf(id, sizeof id, "r%" PRIu64 "-%07" PRIu64, options_.seed, number);
  r.record.request_id = id;
  r.record.arrival_us = realtime_us(due_ns);
  r.record.src_ip = source.address.to_string();
  r.record.src_port = source.port;
  open_.emplace(number, std::move(owned));
  deadlines_.emplace_back(due_ns + static_cast<std::int64_t>(options_.timeout_s * 1e9), number);

  sockaddr_storage address;
  socklen_t length = source.fill(address);
  r.fd = sys::UniqueFd(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!r.fd.valid())
    return finish(number, Outcome::kFailed, std::string("socket: ") + std::strerror(errno));
  const int on = 1;
  ::setsockopt(r.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(r.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::bind(r.fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    return finish(number, Outcome::kFailed, std::string("bind: ") + std::strerror(errno));
  }
  length = target.fill(address);
  if (::connect(r.fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 &&
      errno != EINPROGRESS) {
    return finish(number, Outcome::kFailed, std::string("connect: ") + std::strerror(errno));
  }
  epoll_event event{.events = EPOLLOUT | EPOLLRDHUP, .data = {.u64 = number}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, r.fd.get(), &event);
}

void Generator::on_event(std::uint64_t number, std::uint32_t events) {
  const auto it = open_.find(number);
  if (it == open_.end()) return;
  Request& r = *it->second;
  if ((events & EPOLLERR) != 0 && !r.sent) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(r.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    return finish(number, Outcome::kFailed, std::string("connect: ") + std::strerror(error));
  }
  if (!r.sent) return send_request(number, r);
  read_answer(number, r);
}

void Generator::send_request(std::uint64_t number, Request& r) {
  const std::string text =
      "GET / HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\nX-Request-Id: " + r.record.request_id +
      "\r\n\r\n";
  // Far below the smallest send buffer of a new connection: all or an error.
  if (::send(r.fd.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(text.size())) {
    return finish(number, Outcome::kFailed, std::string("send: ") + std::strerror(errno));
  }
  r.sent = true;
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.u64 = number}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, r.fd.get(), &event);
}

void Generator::read_answer(std::uint64_t number, Request& r) {
  char buffer[4096];
  std::string wrong;
  while (wrong.empty()) {
    const ssize_t n = ::recv(r.fd.get(), buffer, sizeof buffer, 0);
    if (n > 0) {
      r.in.append(buffer, static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EAGAIN) break;
    wrong = n < 0 ? std::strerror(errno) : "ended early";
  }
  // A reset after the whole answer, as a node's death may send one for the client's last
  // acknowledgement, takes nothing from the client: what has arrived is judged first.
  if (const auto length = head_length(r.in)) {
    const std::string_view head = std::string_view(r.in).substr(0, *length);
    const auto body = lab::number<std::size_t>(header(head, "Content-Length"));
    if (body && r.in.size() >= *length + *body) return finish_answer(number, r, head);
  }
  if (!wrong.empty()) finish(number, Outcome::kFailed, "answer: " + wrong);
}

void Generator::finish_answer(std::uint64_t number, Request& r, std::string_view head) {
  r.record.backend = std::string(header(head, "X-Backend"));
  if (header(head, "X-Request-Id") != r.record.request_id) {
    return finish(number, Outcome::kFailed, "answer: another request's id");
  }
  const std::string_view status = head.substr(0, head.find("\r\n"));
  if (status.starts_with("HTTP/1.1 200")) {
    r.record.start_us = lab::number<std::int64_t>(header(head, "X-Start-Us")).value_or(0);
    return finish(number, Outcome::kOk, "");
  }
  const Outcome outcome =
      status.starts_with("HTTP/1.1 503") ? Outcome::kRejected : Outcome::kFailed;
  finish(number, outcome, std::string(status));
}

void Generator::finish(std::uint64_t number, Outcome outcome, std::string error) {
  const auto it = open_.find(number);
  Record& record = it->second->record;
  record.completion_us = clock_ns(CLOCK_REALTIME) / 1000;
  record.outcome = outcome;
  record.error = std::move(error);
  log_.add(record);
  open_.erase(it);
}

void Generator::expire(std::int64_t now_ns) {
  while (!deadlines_.empty() && deadlines_.front().first <= now_ns) {
    const std::uint64_t number = deadlines_.front().second;
    deadlines_.pop_front();
    const auto it = open_.find(number);
    if (it == open_.end()) continue;
    finish(
        number, Outcome::kFailed, it->second->sent ? "timeout: no answer" : "timeout: no connection"
    );
  }
  // Most are answered long before: let the queue not grow with them.
  while (!deadlines_.empty() && !open_.contains(deadlines_.front().second)) deadlines_.pop_front();
}

void Generator::print_status(std::int64_t now_ns) {
  const std::string line =
      log_.status(realtime_us(now_ns), sent_, open_.size(), arrivals_.shifted_ns() / 1000);
  std::puts(line.c_str());
  std::fflush(stdout);
  next_status_ns_ = now_ns + kStatusNs;
}

int parse_options(int argc, char** argv, Options& o) {
  CLI::App app("open-loop HTTP load, one connection a request");
  const std::map<std::string, Arrivals::Kind> kinds{
      {"poisson", Arrivals::Kind::kPoisson}, {"constant", Arrivals::Kind::kConstant}};
  app.add_option("--target", o.targets, "address:port, IPv4 or [IPv6]; may be repeated")
      ->required();
  app.add_option("--v6-share", o.v6_share, "share of requests to the IPv6 targets")
      ->check(between(0.0, 1.0));
  app.add_option("--source4", o.source4, "first IPv4 source address");
  app.add_option("--source6", o.source6, "first IPv6 source address");
  app.add_option("--source-count", o.source_count, "consecutive source addresses")
      ->check(CLI::Range(1, 200));
  app.add_option("--rate", o.rate, "requests a second")->check(between(0.1, 100000.0));
  app.add_option("--seconds", o.seconds)->check(between(0.1, 86400.0));
  app.add_option("--timeout", o.timeout_s, "seconds")->check(between(0.05, 600.0));
  app.add_option("--arrivals", o.arrivals, "poisson | constant")
      ->transform(CLI::CheckedTransformer(kinds));
  app.add_option("--seed", o.seed);
  app.add_option("--csv", o.csv, "where the request records go");
  return parse_line(app, argc, argv);
}

int bad_input(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  return 2;
}

int run_generator(const Options& options) {
  std::vector<Endpoint> v4;
  std::vector<Endpoint> v6;
  for (const std::string& text : options.targets) {
    const auto target = Endpoint::parse(text);
    if (!target) return bad_input("--target " + text + ": write 192.0.2.1:80 or [2001:db8::1]:80");
    (target->address.is_v4() ? v4 : v6).push_back(*target);
  }
  const auto source4 = net::IpAddr::parse(options.source4);
  const auto source6 = net::IpAddr::parse(options.source6);
  if (!v4.empty() && (!source4 || !source4->is_v4()))
    return bad_input("--source4: give an IPv4 address");
  if (!v6.empty() && (!source6 || source6->is_v4()))
    return bad_input("--source6: give an IPv6 address");
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::FILE* csv = std::fopen(options.csv.c_str(), "w");
  if (csv == nullptr) return bad_input("--csv " + options.csv + ": " + std::strerror(errno));
  Generator generator(options, std::move(v4), std::move(v6), csv);
  generator.run();
  return std::fclose(csv) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace fairlead::lab

int main(int argc, char** argv) {
  fairlead::lab::Options options;
  const int status = fairlead::lab::parse_options(argc, argv, options);
  if (status != 0) return status < 0 ? 0 : status;
  struct sigaction stop {};
  stop.sa_handler = [](int) { fairlead::lab::g_stop = 1; };
  ::sigaction(SIGTERM, &stop, nullptr);
  ::sigaction(SIGINT, &stop, nullptr);
  return fairlead::lab::run_generator(options);
}
