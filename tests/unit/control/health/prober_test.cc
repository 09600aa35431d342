// SPDX-License-Identifier: BSD-3-Clause
// Real probes against listeners of our own on the loopback.
#include "control/health/prober.hh"

#include <map>
#include <set>
#include <string>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

namespace fairlead::health {
namespace {

// A listener on 127.0.0.1; answers one connection after the other with `reply` (empty: only
// accepts).
class Listener {
 public:
  explicit Listener(std::string reply) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    EXPECT_EQ(::listen(fd_, 64), 0);
    port_ = ntohs(at.sin_port);
    if (!reply.empty()) thread_ = std::thread([this, reply] { serve(reply); });
  }
  ~Listener() {
    ::shutdown(fd_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(fd_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve(const std::string& reply) {
    for (int client; (client = ::accept(fd_, nullptr, nullptr)) >= 0; ::close(client)) {
      char request[1024];
      (void)!::recv(client, request, sizeof request, 0);
      (void)!::send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
    }
  }
  int fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

Target target_at(TargetId id, std::uint16_t port, model::ProbeKind kind) {
  Target t;
  t.id = id;
  t.kind = kind;
  t.address = net::IpAddr::v4(127, 0, 0, 1);
  t.port = port;
  t.host = "test";
  t.interval = 50 * base::kMillisecond;
  t.timeout = 40 * base::kMillisecond;
  return t;
}

// Waits (at most 5 s) until every id has a result.
std::map<TargetId, ProbeResult> first_results(Prober& prober, std::size_t count) {
  std::map<TargetId, ProbeResult> out;
  for (int i = 0; i < 500 && out.size() < count; ++i) {
    pollfd ready{prober.ready_fd(), POLLIN, 0};
    if (::poll(&ready, 1, 10) == 1) {
      for (const ProbeResult& r : prober.take_results()) out.try_emplace(r.target, r);
    }
  }
  return out;
}

TEST(Prober, TellsGoodFromBad) {
  Listener silent("");
  Listener good("HTTP/1.1 204 No Content\r\n\r\n");
  Listener moved("HTTP/1.1 302 Found\r\n\r\n");
  Listener broken("HTTP/1.1 500 Oops\r\n\r\n");
  Listener ssh("SSH-2.0-OpenSSH_9.2\r\n");
  std::uint16_t closed = 0;
  { closed = Listener("").port(); }
  Prober prober;
  ASSERT_TRUE(prober.start());

  prober.set_targets({
      target_at(1, silent.port(), model::ProbeKind::kTcp),
      target_at(2, silent.port(), model::ProbeKind::kHttp),
      target_at(3, good.port(), model::ProbeKind::kHttp),
      target_at(4, moved.port(), model::ProbeKind::kHttp),
      target_at(5, broken.port(), model::ProbeKind::kHttp),
      target_at(6, ssh.port(), model::ProbeKind::kHttp),
      target_at(7, closed, model::ProbeKind::kTcp),
  });
  auto results = first_results(prober, 7);

  ASSERT_EQ(results.size(), 7U);
  EXPECT_EQ(results[1].outcome, Outcome::kOk);
  EXPECT_EQ(results[2].outcome, Outcome::kTimeout);
  EXPECT_EQ(results[3].outcome, Outcome::kOk);
  EXPECT_EQ(results[4].outcome, Outcome::kOk);
  EXPECT_EQ(results[5].outcome, Outcome::kBadStatus);
  EXPECT_EQ(results[5].status, 500);
  EXPECT_EQ(results[6].outcome, Outcome::kBadReply);
  EXPECT_EQ(results[7].outcome, Outcome::kRefused);
}

TEST(Prober, ProbesAgainAfterTheInterval) {
  Listener silent("");
  Prober prober;
  ASSERT_TRUE(prober.start());
  prober.set_targets({target_at(1, silent.port(), model::ProbeKind::kTcp)});

  std::vector<ProbeResult> seen;
  for (int i = 0; i < 500 && seen.size() < 3; ++i) {
    pollfd ready{prober.ready_fd(), POLLIN, 0};
    if (::poll(&ready, 1, 10) == 1) {
      for (const ProbeResult& r : prober.take_results()) seen.push_back(r);
    }
  }

  ASSERT_GE(seen.size(), 3U);
  EXPECT_GT(seen[1].begun_ns, seen[0].begun_ns);  // at any time within the interval: rhythm.hh
  EXPECT_GE(seen[2].begun_ns - seen[1].begun_ns, 46 * base::kMillisecond);
}

TEST(Prober, KeepsUpWithAThousandTargets) {
  Listener listener("");
  std::uint16_t closed = 0;
  { closed = Listener("").port(); }
  std::vector<Target> targets;
  for (TargetId id = 1; id <= 1000; ++id) {
    targets.push_back(target_at(id, closed, model::ProbeKind::kTcp));
    targets.back().interval = base::kSecond;
  }
  Prober prober;
  ASSERT_TRUE(prober.start());

  prober.set_targets(targets);
  const auto results = first_results(prober, 1000);

  EXPECT_EQ(results.size(), 1000U);
}

TEST(Prober, RemovedTargetsAreNotProbed) {
  Listener silent("");
  Prober prober;
  ASSERT_TRUE(prober.start());
  prober.set_targets({target_at(1, silent.port(), model::ProbeKind::kTcp)});
  ASSERT_EQ(first_results(prober, 1).size(), 1U);

  prober.set_targets({target_at(2, silent.port(), model::ProbeKind::kTcp)});
  ASSERT_EQ(first_results(prober, 1).count(2), 1U);
  std::set<TargetId> later;
  for (int i = 0; i < 3; ++i) {
    pollfd ready{prober.ready_fd(), POLLIN, 0};
    (void)::poll(&ready, 1, 200);
    for (const ProbeResult& r : prober.take_results()) later.insert(r.target);
  }

  EXPECT_EQ(later, std::set<TargetId>{2});
}

}  // namespace
}  // namespace fairlead::health
