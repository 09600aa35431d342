// SPDX-License-Identifier: BSD-3-Clause
// Reporting over real gRPC on loopback: the newest report arrives, a hanging receiver holds nobody
// up, a receiver that restarts is found again.
#include "ebpf/agent_reporter.hh"

#include <chrono>
#include <functional>
#include <future>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

namespace fairlead::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;  // only ever spent by a failing test

/// A receiver that remembers the last sequence number; `hangs`: it never reads.
class Receiver final : public v1::Monitoring::Service {
 public:
  explicit Receiver(int port = 0, bool hangs = false) : hangs_(hangs) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port_
    );
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~Receiver() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + 100ms);
  }

  grpc::Status
  Report(grpc::ServerContext*, grpc::ServerReader<v1::LoadReport>* reader, v1::ReportReply*)
      override {
    if (hangs_) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_; });
      return grpc::Status::OK;
    }
    v1::LoadReport report;
    while (reader->Read(&report)) {
      const std::lock_guard lock(mutex_);
      last_ = report.sequence();
      changed_.notify_all();
    }
    return grpc::Status::OK;
  }

  grpc::Status Leave(grpc::ServerContext*, const v1::LeaveRequest* request, v1::LeaveReply* reply)
      override {
    reply->set_flows(request->backend_id() == "b1" ? 7 : 0);
    return grpc::Status::OK;
  }

  bool wait_for(std::uint64_t sequence) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return last_ >= sequence; });
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  bool hangs_;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::uint64_t last_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

v1::LoadReport report(std::uint64_t sequence) {
  v1::LoadReport r;
  r.set_backend_id("b1");
  r.set_sequence(sequence);
  return r;
}

TEST(Backoff, DoublesUpToItsLimitAndBeginsAgainAfterSuccess) {
  Backoff backoff;
  EXPECT_EQ(backoff.next(), Backoff::kFirst);
  EXPECT_EQ(backoff.next(), 2 * Backoff::kFirst);
  for (int i = 0; i < 10; ++i) backoff.next();
  EXPECT_EQ(backoff.next(), Backoff::kMost);
  backoff.succeeded();
  EXPECT_EQ(backoff.next(), Backoff::kFirst);
}

TEST(Reporter, DeliversReportsInOneStream) {
  Receiver receiver;
  Reporter reporter(receiver.address(), grpc::InsecureChannelCredentials());

  for (std::uint64_t i = 1; i <= 3; ++i) {
    reporter.post(report(i));
    ASSERT_TRUE(receiver.wait_for(i));
  }

  EXPECT_EQ(reporter.state().streams, 1U);
  EXPECT_TRUE(reporter.state().connected);
}

TEST(Reporter, FindsAReceiverAgainThatWasAway) {
  auto receiver = std::make_unique<Receiver>();
  const int port = receiver->port();
  Reporter reporter(receiver->address(), grpc::InsecureChannelCredentials());
  reporter.post(report(1));
  ASSERT_TRUE(receiver->wait_for(1));

  receiver.reset();
  Receiver again(port);
  std::uint64_t sequence = 2;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (reporter.state().streams < 2 && std::chrono::steady_clock::now() < deadline) {
    reporter.post(report(sequence++));
    std::this_thread::yield();
  }
  reporter.post(report(sequence));

  EXPECT_TRUE(again.wait_for(sequence));
}

TEST(Reporter, ReceiverThatHangsHoldsNobodyUp) {
  Receiver hanging(0, true);
  Receiver good;
  auto stuck = std::make_unique<Reporter>(hanging.address(), grpc::InsecureChannelCredentials());
  Reporter reporter(good.address(), grpc::InsecureChannelCredentials());

  for (std::uint64_t i = 1; i <= 2000; ++i) {
    stuck->post(report(i));
    reporter.post(report(i));
  }

  EXPECT_TRUE(good.wait_for(2000));
  auto ended = std::async(std::launch::async, [&stuck] { stuck.reset(); });
  EXPECT_EQ(ended.wait_for(kPatience), std::future_status::ready);
}

/// A port that takes connections and ends them at once: a receiver that is starting.
class Closing {
 public:
  Closing() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof to;
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&to), size), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&to), &size), 0);
    port_ = ntohs(to.sin_port);
  }
  ~Closing() { close(fd_); }
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;

  /// One attempt; false if none came.
  bool refuse() {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) != 1)
      return false;
    const int peer = accept(fd_, nullptr, nullptr);
    const linger reset{1, 0};
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(peer);
    return true;
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  int fd_;
  int port_ = 0;
};

TEST(Reporter, WaitsForAReceiverInsideOneCallSoThatSomebodyPollsTheConnection) {
  auto starting = std::make_unique<Closing>();
  Reporter reporter(
      "127.0.0.1:" + std::to_string(starting->port()), grpc::InsecureChannelCredentials()
  );
  reporter.post(report(1));
  for (int attempt = 0; attempt < 6; ++attempt) ASSERT_TRUE(starting->refuse()) << attempt;
  EXPECT_EQ(reporter.state().streams, 2U) << "one that told the reason, one that waits";
  EXPECT_FALSE(reporter.state().trouble.what.empty());
  EXPECT_FALSE(reporter.state().trouble.recovered);

  const int port = starting->port();
  starting.reset();
  Receiver receiver(port);

  ASSERT_TRUE(receiver.wait_for(1));
  EXPECT_EQ(reporter.state().streams, 2U);
}

TEST(Reporter, ATroubleThatIsOverSaysSo) {
  auto receiver = std::make_unique<Receiver>();
  const int port = receiver->port();
  Reporter reporter(receiver->address(), grpc::InsecureChannelCredentials());
  reporter.post(report(1));
  ASSERT_TRUE(receiver->wait_for(1));
  EXPECT_TRUE(as_json(reporter.state().trouble, 0).is_null());

  receiver.reset();
  Receiver again(port);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (std::uint64_t sequence = 2;
       !reporter.state().trouble.recovered && std::chrono::steady_clock::now() < deadline;
       ++sequence) {
    reporter.post(report(sequence));
    std::this_thread::yield();
  }

  const Trouble trouble = reporter.state().trouble;
  EXPECT_FALSE(trouble.what.empty());
  const nlohmann::json told = as_json(trouble, trouble.at_ns + 3 * base::kSecond);
  EXPECT_EQ(told["age_s"], 3);
  EXPECT_EQ(told["recovered"], true);
}

TEST(Reporter, LeaveTellsHowManyFlowsAreLeft) {
  Receiver receiver;
  Reporter reporter(receiver.address(), grpc::InsecureChannelCredentials());
  const auto flows = reporter.leave("b1", 5 * base::kSecond);
  ASSERT_TRUE(flows) << flows.error().what;
  EXPECT_EQ(*flows, 7U);
}

TEST(Reporter, LeaveGivesUpOnAReceiverThatIsAway) {
  Reporter reporter("127.0.0.1:1", grpc::InsecureChannelCredentials());
  EXPECT_FALSE(reporter.leave("b1", 200 * base::kMillisecond));
}

}  // namespace
}  // namespace fairlead::agent
