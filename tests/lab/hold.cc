// SPDX-License-Identifier: BSD-3-Clause
// Holds connections open and counts packets while something is done to the balancer.
//
//   connections  N stay open for the whole run, each makes a request now and then; others come and
//   go.
//                A connection is broken when it is reset, closed or not answered for 15 s, and
//                moved when another backend answers than before.
//   packets      one UDP flow of numbered datagrams at a fixed rate, without catching up, to an
//   echo
//                behind the balancer; those that do not come back are lost, each with its time.
//
// Prints one JSON line at the end; --lost FILE gets the times (CLOCK_REALTIME us) of lost packets,
// --breaks FILE one line a broken connection: TIME_US ADDRESS PORT BACKEND REASON ("-": no answer
// yet).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "dataplane/sys/unique_fd.hh"
#include "tests/lab/sockets.hh"

namespace fairlead::lab {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kSilence = 15 * kSecond;
constexpr std::int64_t kEchoWithin = 2 * kSecond;

struct Options {
  std::string target = "203.0.113.10:80";
  std::string echo = "203.0.113.10:5000";
  std::string source = "10.99.0.10";
  unsigned sources = 32;
  unsigned connections = 2000;
  double period_s = 5;
  double new_rate = 50;
  double packet_rate = 2000;
  double seconds = 30;
  bool replace = false;
  std::string lost;
  std::string breaks;
};

struct Held {
  sys::UniqueFd fd;
  bool lasting = true;
  bool waiting = false;  // for an answer
  std::int64_t asked = 0;
  std::int64_t due = 0;  // next request
  std::string in;
  std::string backend;
};

struct Sums {
  std::uint64_t opened = 0;
  std::uint64_t answered = 0;
  std::uint64_t broken = 0;
  std::uint64_t moved = 0;
  std::uint64_t failed_to_open = 0;
  std::uint64_t refused = 0;  // 503: served, but the backend was full
};

class Holder {
 public:
  explicit Holder(const Options& o) : options_(o), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    target_ = *Endpoint::parse(o.target);
    echo_ = *Endpoint::parse(o.echo);
  }
  bool open_echo();
  void run();
  void report() const;

 private:
  void open(bool lasting, std::int64_t now);
  void ask(std::uint64_t id, Held& h, std::int64_t now);
  void read(std::uint64_t id, std::int64_t now);
  bool take_answer(Held& h);
  void end(std::uint64_t id, bool broken, const char* why);
  void note_break(const Held& h, const char* why);
  void tend(std::int64_t now);
  void send_packet(std::int64_t now);
  void read_echo(std::int64_t now);

  Options options_;
  Endpoint target_;
  Endpoint echo_;
  sys::UniqueFd epoll_;
  sys::UniqueFd echo_fd_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Held>> held_;
  std::string breaks_;
  unsigned lasting_ = 0;            // opened, and to be opened again where one broke
  std::vector<std::int64_t> sent_;  // by number: when
  std::vector<std::int64_t> came_;  // and how long it took; -1: not yet
  std::unordered_map<std::string, unsigned> reasons_;
  std::uint64_t next_id_ = 1;
  std::uint64_t cursor_ = 0;
  std::uint64_t echoed_ = 0;
  Sums sums_;
};

bool Holder::open_echo() {
  sockaddr_storage address{};
  const socklen_t bytes = echo_.fill(address);
  echo_fd_ =
      sys::UniqueFd(::socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int room = 4 << 20;
  ::setsockopt(echo_fd_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (::connect(echo_fd_.get(), reinterpret_cast<const sockaddr*>(&address), bytes) != 0)
    return false;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, echo_fd_.get(), &event) == 0;
}

void Holder::open(bool lasting, std::int64_t now) {
  sockaddr_storage to{};
  const socklen_t bytes = target_.fill(to);
  auto h = std::make_unique<Held>();
  h->fd = sys::UniqueFd(::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  h->lasting = lasting;
  sockaddr_in from{};
  from.sin_family = AF_INET;
  ::inet_pton(AF_INET, options_.source.c_str(), &from.sin_addr);
  const auto turn = static_cast<std::uint32_t>(next_id_ % options_.sources);
  from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + turn);
  const int on = 1;
  ::setsockopt(h->fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  ::setsockopt(h->fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::bind(h->fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) {
    ++sums_.failed_to_open;
    return;
  }
  const int r = ::connect(h->fd.get(), reinterpret_cast<const sockaddr*>(&to), bytes);
  if (r != 0 && errno != EINPROGRESS) {
    ++sums_.failed_to_open;
    return;
  }
  ++sums_.opened;
  const std::uint64_t id = next_id_++;
  h->asked = now;
  h->waiting = true;  // for the connection itself
  epoll_event event{.events = EPOLLOUT | EPOLLRDHUP, .data = {.u64 = id}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, h->fd.get(), &event);
  held_.emplace(id, std::move(h));
}

void Holder::ask(std::uint64_t id, Held& h, std::int64_t now) {
  const std::string request =
      "GET /held HTTP/1.1\r\nHost: lab\r\nX-Request-Id: h" + std::to_string(id) + "\r\n\r\n";
  h.waiting = true;
  h.asked = now;
  h.due = now + static_cast<std::int64_t>(options_.period_s * 1e9);
  if (::send(h.fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) end(id, true, "send");
}

/// True when a whole answer was in `in`.
bool Holder::take_answer(Held& h) {
  const auto head = head_length(h.in);
  if (!head) return false;
  const std::string_view text = std::string_view(h.in).substr(0, *head);
  const auto body = number<std::size_t>(header(text, "Content-Length")).value_or(0);
  if (h.in.size() < *head + body) return false;
  const std::string backend(header(text, "X-Backend"));
  if (!backend.empty() && !h.backend.empty() && backend != h.backend) ++sums_.moved;
  if (!backend.empty()) h.backend = backend;
  if (text.find(" 503 ") != std::string_view::npos) ++sums_.refused;
  ++sums_.answered;
  h.in.erase(0, *head + body);
  return true;
}

void Holder::end(std::uint64_t id, bool broken, const char* why) {
  if (broken) {
    ++sums_.broken;
    ++reasons_[why];
    const Held& h = *held_.at(id);
    if (options_.replace && h.lasting) --lasting_;
    if (!options_.breaks.empty()) note_break(h, why);
  }
  held_.erase(id);
}

void Holder::note_break(const Held& h, const char* why) {
  sockaddr_in self{};
  socklen_t bytes = sizeof self;
  char address[INET_ADDRSTRLEN] = "-";
  if (::getsockname(h.fd.get(), reinterpret_cast<sockaddr*>(&self), &bytes) == 0)
    ::inet_ntop(AF_INET, &self.sin_addr, address, sizeof address);
  breaks_ += std::to_string(realtime_us(monotonic_ns())) + " " + address + " " +
             std::to_string(ntohs(self.sin_port)) + " " + (h.backend.empty() ? "-" : h.backend) +
             " " + why + "\n";
}

void Holder::read(std::uint64_t id, std::int64_t now) {
  const auto it = held_.find(id);
  if (it == held_.end()) return;
  Held& h = *it->second;
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(h.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return end(id, true, ::strerrorname_np(error));
  if (h.due == 0) {  // just connected
    epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.u64 = id}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, h.fd.get(), &event);
    if (!h.lasting) return ask(id, h, now);
    // Each at a moment of its own, so that they do not all ask at once.
    const double share = static_cast<double>(id * 7919 % 1000) / 1000;
    h.due = now + static_cast<std::int64_t>(options_.period_s * share * 1e9) + 1;
    h.waiting = false;
    return;
  }
  char text[4096];
  const ssize_t n = ::recv(h.fd.get(), text, sizeof text, 0);
  if (n == 0) return end(id, true, "closed");
  if (n < 0) return errno == EAGAIN ? void() : end(id, true, "recv");
  h.in.append(text, static_cast<std::size_t>(n));
  if (!take_answer(h)) return;
  h.waiting = false;
  if (!h.lasting) end(id, false, "");
}

void Holder::tend(std::int64_t now) {
  std::vector<std::uint64_t> silent;
  std::vector<std::uint64_t> due;
  for (const auto& [id, h] : held_) {
    if (h->waiting && now - h->asked > kSilence) silent.push_back(id);
    if (!h->waiting && h->lasting && now >= h->due) due.push_back(id);
  }
  for (const std::uint64_t id : silent) end(id, true, "silent");
  for (const std::uint64_t id : due) {
    if (const auto it = held_.find(id); it != held_.end()) ask(id, *it->second, now);
  }
}

void Holder::send_packet(std::int64_t now) {
  char packet[64] = {};
  const std::uint64_t number = sent_.size();
  std::memcpy(packet, &number, sizeof number);
  if (::send(echo_fd_.get(), packet, sizeof packet, 0) != sizeof packet) return;
  sent_.push_back(now);
  came_.push_back(-1);
}

void Holder::read_echo(std::int64_t now) {
  char packet[64];
  while (::recv(echo_fd_.get(), packet, sizeof packet, 0) == sizeof packet) {
    std::uint64_t number = 0;
    std::memcpy(&number, packet, sizeof number);
    if (number >= came_.size() || came_[number] >= 0) continue;
    came_[number] = now - sent_[number];
    ++echoed_;
  }
}

void Holder::run() {
  const std::int64_t begin = monotonic_ns();
  const auto until = begin + static_cast<std::int64_t>(options_.seconds * 1e9);
  const auto packet_gap = static_cast<std::int64_t>(1e9 / options_.packet_rate);
  const auto new_gap = static_cast<std::int64_t>(1e9 / options_.new_rate);
  std::int64_t next_packet = begin + 2 * kSecond;
  std::int64_t next_new = begin + 2 * kSecond;
  std::int64_t next_tend = begin;
  std::vector<epoll_event> events(256);
  for (std::int64_t now = begin; now < until + kEchoWithin; now = monotonic_ns()) {
    // The lasting ones over the first second, so that no backlog overflows.
    for (unsigned i = 0; i < 8 && lasting_ < options_.connections; ++i, ++lasting_) open(true, now);
    if (now < until && now >= next_new) {
      open(false, now);
      next_new = std::max(next_new + new_gap, now);
    }
    if (now < until && now >= next_packet) {
      send_packet(now);
      next_packet = now + packet_gap;  // no catching up: a late packet delays those that follow
    }
    if (now >= next_tend) {
      tend(now);
      next_tend = now + kSecond / 20;
    }
    const std::int64_t rest = std::clamp<std::int64_t>(next_packet - monotonic_ns(), 0, 1'000'000);
    const timespec wait{0, rest};
    const int n = ::epoll_pwait2(
        epoll_.get(), events.data(), static_cast<int>(events.size()), &wait, nullptr
    );
    const std::int64_t woke = monotonic_ns();
    for (int i = 0; i < n; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == 0) {
        read_echo(woke);
      } else {
        read(id, woke);
      }
    }
  }
}

void Holder::report() const {
  std::uint64_t alive = 0;
  for (const auto& [id, h] : held_) alive += h->lasting ? 1 : 0;
  std::string reasons;
  for (const auto& [why, n] : reasons_)
    reasons += (reasons.empty() ? "\"" : ", \"") + why + "\": " + std::to_string(n);
  std::printf(
      "{\"opened\": %lu, \"alive\": %lu, \"answered\": %lu, \"broken\": %lu, \"moved\": %lu, "
      "\"failed_to_open\": %lu, \"full\": %lu, \"packets\": %zu, \"packets_lost\": %lu, "
      "\"reasons\": {%s}}\n",
      sums_.opened,
      alive,
      sums_.answered,
      sums_.broken,
      sums_.moved,
      sums_.failed_to_open,
      sums_.refused,
      sent_.size(),
      sent_.size() - echoed_,
      reasons.c_str()
  );
  if (!options_.breaks.empty()) {
    if (std::FILE* const out = std::fopen(options_.breaks.c_str(), "w")) {
      std::fputs(breaks_.c_str(), out);
      std::fclose(out);
    }
  }
  if (options_.lost.empty()) return;
  std::FILE* const out = std::fopen(options_.lost.c_str(), "w");
  if (out == nullptr) return;
  for (std::size_t i = 0; i < sent_.size(); ++i)
    if (came_[i] < 0) std::fprintf(out, "%ld\n", realtime_us(sent_[i]));
  std::fclose(out);
}

int parse(int argc, char** argv, Options& o) {
  CLI::App app("holds connections and counts packets while something is done to the balancer");
  app.add_option("--target", o.target, "address:port of an HTTP vip");
  app.add_option("--echo", o.echo, "address:port of a UDP vip with lab-echo behind it");
  app.add_option("--source", o.source, "first IPv4 address to connect from");
  app.add_option("--sources", o.sources, "how many addresses from there on")
      ->check(CLI::Range(1, 255));
  app.add_option("--connections", o.connections, "that stay open");
  app.add_option("--period", o.period_s, "seconds between two requests of a connection");
  app.add_option("--new-rate", o.new_rate, "new connections a second")->check(CLI::Range(0.1, 1e4));
  app.add_option("--packet-rate", o.packet_rate, "datagrams a second")->check(CLI::Range(1.0, 1e5));
  app.add_option("--seconds", o.seconds);
  app.add_flag("--replace", o.replace, "a connection that broke is opened anew");
  app.add_option("--breaks", o.breaks, "file for connections that broke");
  app.add_option("--lost", o.lost, "file for the times of lost datagrams");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? -1 : 2;
  }
  if (Endpoint::parse(o.target) && Endpoint::parse(o.echo)) return 0;
  std::fprintf(stderr, "lab-hold: --target and --echo are ADDRESS:PORT\n");
  return 2;
}

}  // namespace
}  // namespace fairlead::lab

int main(int argc, char** argv) {
  fairlead::lab::Options options;
  const int status = fairlead::lab::parse(argc, argv, options);
  if (status != 0) return status < 0 ? 0 : status;
  ::signal(SIGPIPE, SIG_IGN);
  fairlead::lab::Holder holder(options);
  if (!holder.open_echo()) {
    std::perror("lab-hold: open the echo socket");
    return 1;
  }
  holder.run();
  holder.report();
  return 0;
}
