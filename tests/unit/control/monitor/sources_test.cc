// SPDX-License-Identifier: BSD-3-Clause
// Sources against real servers on the loopback: an ORCA service, a page of metrics, an agent.
#include "control/monitor/sources.hh"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "control/monitor/orca_service.grpc.pb.h"

namespace fairlead::monitor {
namespace {

/// Keeps what comes.
class Told final : public Sink {
 public:
  Refusal on_report(const LoadReport& report) override {
    return add([&] { reports_.push_back(report); }), Refusal::kNone;
  }
  void on_malformed() override {
    add([&] { ++malformed_; });
  }
  std::optional<std::uint64_t> on_leave(const std::string&, const std::string&) override {
    add([&] { words_ += "leave "; });
    return 0;
  }
  void on_return(const std::string&) override {
    add([&] { words_ += "return "; });
  }
  /// Waits (at most 10 s) until `enough` holds.
  bool wait(const std::function<bool(Told&)>& enough) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return enough(*this); });
  }
  std::deque<LoadReport> reports_;
  int malformed_ = 0;
  std::string words_;

 private:
  void add(const std::function<void()>& what) {
    const std::lock_guard lock(mutex_);
    what();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Answers the n-th connection with the n-th text; the last one again and again.
class Server {
 public:
  /// `hold`: no connection is closed before that.
  explicit Server(std::vector<std::string> answers, std::shared_future<void> hold = {})
      : answers_(std::move(answers)),
        hold_(std::move(hold)),
        listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve() {
    for (std::size_t n = 0;; ++n) {
      const sys::UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
      if (!client.valid()) return;
      const std::string& answer = answers_[std::min(n, answers_.size() - 1)];
      char request[1024];
      if (answer.rfind("HTTP", 0) == 0) (void)!::recv(client.get(), request, sizeof request, 0);
      for (std::size_t sent = 0; sent < answer.size();) {
        const auto more =
            ::send(client.get(), answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (more <= 0) break;
        sent += static_cast<std::size_t>(more);
      }
      if (hold_.valid()) hold_.wait();
    }
  }
  std::vector<std::string> answers_;
  std::shared_future<void> hold_;
  sys::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

SourceTarget target(model::LoadSourceKind kind, std::uint16_t port) {
  SourceTarget t;
  t.backend = "b1";
  t.address = net::IpAddr::v4(127, 0, 0, 1);
  t.source.kind = kind;
  t.source.port = port;
  t.source.interval_ms = 100;
  t.source.names.requests = "served_total";
  return t;
}

std::string page(int served) {
  const std::string body =
      "node_memory_MemTotal_bytes 4\nnode_memory_MemAvailable_bytes 3\nserved_total " +
      std::to_string(served) + "\n";
  return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

TEST(Sources, APageOfMetricsIsAReport) {
  const Server server({page(100), page(150), page(200)});
  Told told;
  Sources sources(told);
  sources.set_targets({target(model::LoadSourceKind::kPrometheus, server.port())});
  ASSERT_TRUE(told.wait([](Told& t) { return t.reports_.size() >= 2; }));
  const LoadReport& r = told.reports_[1];
  EXPECT_EQ(r.backend_id, "b1");
  EXPECT_EQ(r.origin, Origin::kPrometheus);
  EXPECT_EQ(r.sequence, 2U);
  EXPECT_EQ(r.completed, 200U);
  EXPECT_DOUBLE_EQ(r.memory, 0.25);
  EXPECT_NEAR(r.requests_per_second * static_cast<double>(r.period_us) / 1e6, 50, 0.01);
}

TEST(Sources, APageThatIsNoneIsCounted) {
  const Server server({"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\n<html>\n"}
  );
  Told told;
  Sources sources(told);
  sources.set_targets({target(model::LoadSourceKind::kPrometheus, server.port())});
  EXPECT_TRUE(told.wait([](Told& t) { return t.malformed_ > 0; }));
}

TEST(Sources, HalfAPageIsNoReport) {
  const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nserved_total 150\n";
  const std::string long_page = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nserved_total 160\n" +
                                std::string(5U << 20, '\n');
  const Server server({page(100), cut, page(200), long_page, page(300)});
  Told told;
  Sources sources(told);
  sources.set_targets({target(model::LoadSourceKind::kPrometheus, server.port())});
  ASSERT_TRUE(told.wait([](Told& t) { return t.reports_.size() >= 2; }));
  EXPECT_EQ(told.reports_[0].completed, 200U);
  EXPECT_EQ(told.reports_[1].completed, 300U);
  EXPECT_EQ(told.malformed_, 2);
}

TEST(Sources, APageThatDoesNotEndInItsIntervalIsCounted) {
  std::promise<void> over;
  const Server server(
      {"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nserved_total 150\n"},
      over.get_future().share()
  );
  Told told;
  {
    Sources sources(told);
    sources.set_targets({target(model::LoadSourceKind::kPrometheus, server.port())});
    EXPECT_TRUE(told.wait([](Told& t) { return t.malformed_ > 0; }));
  }
  over.set_value();
  EXPECT_TRUE(told.reports_.empty());
}

TEST(Sources, WhatAnAgentSaysFirstIsTold) {
  const Server server({"up 50%\n"});
  Told told;
  Sources sources(told);
  sources.set_targets({target(model::LoadSourceKind::kAgentCheck, server.port())});
  ASSERT_TRUE(told.wait([](Told& t) { return t.reports_.size() >= 3; }));
  EXPECT_EQ(told.words_, "return ") << "once; it may have left before control was started";
}

TEST(Sources, AnAgentsLineIsAReportAndDrains) {
  const Server server({"up 25% maxconn:30\n", "drain\n", "what\n", "up 100%\n"});
  Told told;
  Sources sources(told);
  sources.set_targets({target(model::LoadSourceKind::kAgentCheck, server.port())});
  ASSERT_TRUE(told.wait([](Told& t) { return t.reports_.size() >= 2; }));
  EXPECT_DOUBLE_EQ(told.reports_[0].application, 0.75);
  EXPECT_DOUBLE_EQ(told.reports_[0].capacity, 30);
  EXPECT_DOUBLE_EQ(told.reports_[1].application, 0);
  EXPECT_EQ(told.words_, "return leave return ") << "the first word is told too";
  EXPECT_EQ(told.malformed_, 1);
}

using Report = xds::data::orca::v3::OrcaLoadReport;
using Request = xds::service::orca::v3::OrcaLoadReportRequest;

class OrcaService final : public xds::service::orca::v3::OpenRcaService::Service {
 public:
  grpc::Status StreamCoreMetrics(
      grpc::ServerContext* context, const Request* request, grpc::ServerWriter<Report>* writer
  ) override {
    asked_ms = request->report_interval().seconds() * 1000 +
               request->report_interval().nanos() / 1'000'000;
    ++streams;
    Report report;
    report.set_cpu_utilization(0.5);
    report.set_rps_fractional(200);
    (*report.mutable_named_metrics())["queue"] = 3;
    for (int i = 0; i < 3 && !context->IsCancelled(); ++i) writer->Write(report);
    return grpc::Status::OK;  // the client begins anew
  }
  std::atomic<std::int64_t> asked_ms{0};
  std::atomic<int> streams{0};
};

TEST(Sources, AnOrcaStreamIsReportsAndIsBegunAgain) {
  OrcaService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  Told told;
  {
    Sources sources(told);
    sources.set_targets({target(model::LoadSourceKind::kOrca, static_cast<std::uint16_t>(port))});
    ASSERT_TRUE(told.wait([](Told& t) { return t.reports_.size() >= 6; }));
  }
  EXPECT_EQ(service.asked_ms, 100);
  EXPECT_GE(service.streams, 2);
  const LoadReport& r = told.reports_[5];
  EXPECT_EQ(r.origin, Origin::kOrca);
  EXPECT_EQ(r.sequence, 6U);
  EXPECT_DOUBLE_EQ(r.cpu, 0.5);
  EXPECT_DOUBLE_EQ(r.requests_per_second, 200);
}

}  // namespace
}  // namespace fairlead::monitor
