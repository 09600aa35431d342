// SPDX-License-Identifier: BSD-3-Clause
// A node's connection to a monitor through a cable that is out for a while.
#include "control/monitor/watcher.hh"

#include <atomic>
#include <chrono>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "control/monitor/watch_service.hh"
#include "dataplane/sys/unique_fd.hh"
#include "tests/testing/eventually.hh"

namespace fairlead::monitor {
namespace {

using testing::eventually;

sockaddr_in loopback(int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  return at;
}

/// Carries bytes both ways, but for connections that were open when it was cut: these stay open and
/// silent, as if TCP waited for a retransmission.
class Cable {
 public:
  explicit Cable(int to) : to_(to), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Cable() {
    stop_ = true;
    thread_.join();
  }
  Cable(const Cable&) = delete;
  Cable& operator=(const Cable&) = delete;
  [[nodiscard]] int port() const { return port_; }
  void cut() { cuts_ = true; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  struct Pair {
    sys::UniqueFd near;
    sys::UniqueFd far;
    bool silent = false;
  };
  void run() {
    std::vector<Pair> pairs;
    while (!stop_) {
      if (cuts_.exchange(false)) {
        for (Pair& pair : pairs) pair.silent = true;
      }
      std::vector<pollfd> fds{{listener_.get(), POLLIN, 0}};
      for (const Pair& pair : pairs) {
        const short wanted = pair.silent ? 0 : POLLIN;
        fds.push_back({pair.silent ? -1 : pair.near.get(), wanted, 0});
        fds.push_back({pair.silent ? -1 : pair.far.get(), wanted, 0});
      }
      if (::poll(fds.data(), fds.size(), 10) <= 0) continue;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (fds[1 + 2 * i].revents != 0) carry(pairs[i].near, pairs[i].far, pairs[i].silent);
        if (fds[2 + 2 * i].revents != 0) carry(pairs[i].far, pairs[i].near, pairs[i].silent);
      }
      if (fds[0].revents != 0) accept(pairs);
    }
  }
  void accept(std::vector<Pair>& pairs) {
    Pair pair{
        sys::UniqueFd(::accept(listener_.get(), nullptr, nullptr)),
        sys::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
    const sockaddr_in at = loopback(to_);
    EXPECT_EQ(::connect(pair.far.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    pairs.push_back(std::move(pair));
    ++connections_;
  }
  static void carry(const sys::UniqueFd& from, const sys::UniqueFd& to, bool& silent) {
    char bytes[65536];
    const auto got = ::read(from.get(), bytes, sizeof bytes);
    if (got <= 0 || ::send(to.get(), bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got)
      silent = true;
  }

  int to_;
  int port_ = 0;
  sys::UniqueFd listener_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> cuts_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

class WatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_->grpc_service());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    service_->end();
    server_->Shutdown(std::chrono::system_clock::now());
  }
  void publish(std::uint64_t sequence) {
    v1::MonitoringUpdate update;
    update.set_sequence(sequence);
    service_->publish(update);
  }
  std::unique_ptr<Watcher> watch(int port) {
    return std::make_unique<Watcher>(
        "127.0.0.1:" + std::to_string(port),
        "lb1",
        grpc::InsecureChannelCredentials(),
        Watcher::Calls{
            [this](const v1::MonitoringUpdate& update) { heard_ = update.sequence(); },
            [] {
              v1::NodeReport report;
              report.set_node_id("lb1");
              return report;
            }}
    );
  }

  int port_ = 0;
  std::unique_ptr<WatchService> service_ = WatchService::make();
  std::unique_ptr<grpc::Server> server_;
  std::atomic<std::uint64_t> heard_{0};
};

TEST_F(WatcherTest, WhoBeginsToWatchHasTheLastUpdateAtOnce) {
  publish(7);
  const auto watcher = watch(port_);
  EXPECT_TRUE(eventually([&] { return heard_ == 7; })) << "nothing is published after it began";
}

TEST_F(WatcherTest, RenewedOneHearsAtOnceWhereTheOldConnectionIsSilent) {
  Cable cable(port_);
  const auto watcher = watch(cable.port());
  publish(1);
  ASSERT_TRUE(eventually([&] { return heard_ == 1; }));
  watcher->renew(3600 * base::kSecond);
  cable.cut();
  publish(2);
  watcher->renew(0);
  EXPECT_TRUE(eventually([&] { return heard_ == 2; }));
  EXPECT_EQ(cable.connections(), 2) << "who heard something lately keeps the connection";
}

}  // namespace
}  // namespace fairlead::monitor
