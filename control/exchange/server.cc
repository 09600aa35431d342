// SPDX-License-Identifier: BSD-3-Clause
// Receive what there is, add it up, answer.
#include "control/exchange/server.hh"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "control/exchange/endpoint.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::exchange {
namespace {

constexpr std::size_t kBatch = 64;
// After a batch the thread rests, so that the next one is larger: a wake-up for each datagram costs
// more than all the rest. A round takes half of it longer on average.
constexpr timespec kRest{0, 300'000};
constexpr base::Nanoseconds kExpireEvery = 100 * base::kMillisecond;
constexpr int kReceiveBuffer = 4 << 20;  // a second's worth of nodes while this thread waits

// Where a datagram came to: the answer leaves from there, also on a host with several addresses.
using Destination = std::array<std::byte, CMSG_SPACE(sizeof(in6_pktinfo))>;

// The answer may leave by another interface than the question came in by.
void forget_interface(msghdr& m) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&m); c != nullptr; c = CMSG_NXTHDR(&m, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      reinterpret_cast<in_pktinfo*>(CMSG_DATA(c))->ipi_ifindex = 0;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      auto* info = reinterpret_cast<in6_pktinfo*>(CMSG_DATA(c));
      if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr)) info->ipi6_ifindex = 0;
    }
  }
}

base::Result<sys::UniqueFd> open_socket(const std::string& listen) {
  const auto at = Endpoint::parse(listen);
  if (!at) return base::invalid("listen: " + listen + " is not ADDRESS:PORT");
  sys::UniqueFd fd(::socket(at->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return base::system_error("make a socket", errno);
  const int on = 1;
  const timeval wait{0, 100'000};  // how long the end waits for the thread
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  (void)::setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  if (at->address.ss_family == AF_INET6)
    (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  if (::bind(fd.get(), at->get(), at->size) != 0) {
    return base::fail(
        base::ErrorCode::kUnavailable,
        "cannot listen on " + listen + " (UDP), " + std::strerror(errno)
    );
  }
  return fd;
}

}  // namespace

struct Server::Batch {
  std::array<std::array<std::byte, kMostBytes + 1>, kBatch> bytes{};
  std::array<sockaddr_storage, kBatch> from{};
  std::array<Destination, kBatch> to{};
  std::array<iovec, kBatch> spans{};
  std::array<mmsghdr, kBatch> in{};
  std::array<std::vector<std::byte>, kBatch> answers{};
  std::array<iovec, kBatch> answer_spans{};
  std::array<mmsghdr, kBatch> out{};

  void ready() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      spans[i] = {bytes[i].data(), bytes[i].size()};
      msghdr& m = in[i].msg_hdr;
      m = {};
      m.msg_name = &from[i];
      m.msg_namelen = sizeof from[i];
      m.msg_iov = &spans[i];
      m.msg_iovlen = 1;
      m.msg_control = to[i].data();
      m.msg_controllen = to[i].size();
    }
  }
};

base::Result<std::unique_ptr<Server>> Server::start(const std::string& listen, const Key& key) {
  FL_ASSIGN(sys::UniqueFd fd, open_socket(listen));
  return std::unique_ptr<Server>(new Server(std::move(fd), key));
}

Server::Server(sys::UniqueFd fd, const Key& key)
    : fd_(std::move(fd)), key_(key), sum_(key), thread_([this] { run(); }) {}

Server::~Server() {
  stop_ = true;
  thread_.join();
}

void Server::run() {
  sys::become_urgent();
  // 107 KB: as a thread's own variable it would be on the stack of every thread, also of libraries
  // that make small ones and fail then.
  const auto batch = std::make_unique<Batch>();
  while (!stop_.load(std::memory_order_relaxed)) {
    if (serve(*batch) < kBatch) (void)::nanosleep(&kRest, nullptr);
  }
}

std::size_t Server::serve(Batch& batch) {
  batch.ready();
  const int got = ::recvmmsg(fd_.get(), batch.in.data(), kBatch, MSG_WAITFORONE, nullptr);
  const base::Nanoseconds now = sys::monotonic_ns();
  unsigned answers = 0;
  {
    const std::lock_guard lock(mutex_);
    if (now >= expire_at_) {
      sum_.expire(now);
      expire_at_ = now + kExpireEvery;
    }
    for (int n = 0; n < got; ++n) {
      const auto i = static_cast<std::size_t>(n);
      ++figures_.received;
      const std::span bytes(batch.bytes[i].data(), batch.in[i].msg_len);
      const auto datagram = decode(bytes, key_, true);
      if (!datagram) {
        ++figures_.malformed;
        continue;
      }
      const Datagram* answer = sum_.take(*datagram, now);
      if (answer == nullptr) continue;
      std::vector<std::byte>& out = batch.answers[answers];
      encode(*answer, key_, out);
      batch.answer_spans[answers] = {out.data(), out.size()};
      msghdr& m = batch.out[answers++].msg_hdr;
      m = batch.in[i].msg_hdr;
      forget_interface(m);
      m.msg_iov = &batch.answer_spans[answers - 1];
    }
    figures_.answered += answers;
  }
  unsigned sent = 0;
  while (sent < answers) {
    const int done = ::sendmmsg(fd_.get(), batch.out.data() + sent, answers - sent, MSG_DONTWAIT);
    // One that cannot be sent is lost like any datagram; the rest go on.
    sent += done > 0 ? static_cast<unsigned>(done) : 1U;
  }
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

Server::Figures Server::figures() const {
  const std::lock_guard lock(mutex_);
  Figures f = figures_;
  f.nodes = sum_.nodes();
  f.old = sum_.old();
  f.refused = sum_.refused();
  return f;
}

std::uint64_t Server::total(std::string_view backend) const {
  const std::lock_guard lock(mutex_);
  return sum_.total(key_.identity(backend));
}

}  // namespace fairlead::exchange
