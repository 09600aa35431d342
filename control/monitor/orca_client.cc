// SPDX-License-Identifier: BSD-3-Clause
// Out-of-band ORCA: one stream for each backend, on gRPC's own threads.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include <grpcpp/grpcpp.h>

#include "control/monitor/asker.hh"
#include "control/monitor/orca_service.grpc.pb.h"

namespace fairlead::monitor {
namespace {

using OrcaReport = xds::data::orca::v3::OrcaLoadReport;
using OpenRca = xds::service::orca::v3::OpenRcaService;

LoadReport orca_report(const OrcaReport& m, std::uint64_t period_us, std::uint64_t completed) {
  LoadReport r;
  r.cpu = m.cpu_utilization();
  r.memory = m.mem_utilization();
  r.application = m.application_utilization();
  r.requests_per_second = m.rps_fractional();
  r.errors_per_second = m.eps();
  r.completed = completed;
  r.period_us = period_us;
  r.untold = kActiveUntold;  // ORCA has no such field, and cannot tell 0 from nothing
  if (r.cpu == 0) r.untold |= kCpuUntold;
  if (r.memory == 0) r.untold |= kMemoryUntold;
  return r;
}

/// One stream; gRPC's threads read it. Its owner waits until they are done with it: it has part in
/// the channel, and where one of gRPC's own threads lets go of the last one, gRPC 1.51 aborts
/// (grpc_cq_internal_unref).
class Stream final : public grpc::ClientReadReactor<OrcaReport> {
 public:
  Stream(
      std::shared_ptr<Reporter> reporter,
      std::shared_ptr<grpc::Channel> channel,
      std::uint64_t period_us
  )
      : reporter_(std::move(reporter)), stub_(OpenRca::NewStub(channel)), period_us_(period_us) {}

  ~Stream() override {
    std::unique_lock lock(mutex_);
    reporter_.reset();
    context_.TryCancel();
    ended_.wait(lock, [&] { return done_; });
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Once, before anything else.
  void start() {
    auto& interval = *request_.mutable_report_interval();
    interval.set_seconds(static_cast<std::int64_t>(period_us_ / 1'000'000));
    interval.set_nanos(static_cast<std::int32_t>(period_us_ % 1'000'000 * 1000));
    stub_->async()->StreamCoreMetrics(&context_, &request_, this);
    StartRead(&message_);
    StartCall();
  }
  [[nodiscard]] bool done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      const std::lock_guard lock(mutex_);
      completed_ += message_.rps_fractional() * static_cast<double>(period_us_) / 1e6;
      const bool countable = completed_ >= 0 && completed_ < 1e18;
      if (reporter_) {
        reporter_->report(orca_report(
            message_, period_us_, countable ? static_cast<std::uint64_t>(completed_) : 0
        ));
      }
    }
    StartRead(&message_);
  }
  void OnDone(const grpc::Status&) override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    ended_.notify_all();  // with the lock: the owner may not destroy it before this is over
  }

 private:
  std::mutex mutex_;  // a cancelled stream reports no more
  std::condition_variable ended_;
  std::shared_ptr<Reporter> reporter_;
  std::unique_ptr<OpenRca::Stub> stub_;
  std::uint64_t period_us_;
  grpc::ClientContext context_;
  xds::service::orca::v3::OrcaLoadReportRequest request_;
  OrcaReport message_;
  double completed_ = 0;
  bool done_ = false;
};

class OrcaClient final : public Asker {
 public:
  OrcaClient(Sink& sink, const SourceTarget& target)
      : reporter_(std::make_shared<Reporter>(sink, target.backend, Origin::kOrca)),
        period_us_(target.source.interval_ms * 1000ULL) {
    const std::string host = target.address.to_string();
    const std::string at = (target.address.is_v4() ? "ipv4:" + host : "ipv6:[" + host + "]") + ":" +
                           std::to_string(target.source.port);
    channel_ = grpc::CreateChannel(at, grpc::InsecureChannelCredentials());
  }
  // The stream reports by itself; each interval looks whether it still runs. gRPC's channel waits
  // longer and longer between connections that fail.
  void ask(base::Nanoseconds) override {
    if (stream_ && !stream_->done()) return;
    stream_ = std::make_unique<Stream>(reporter_, channel_, period_us_);
    stream_->start();
  }

 private:
  std::shared_ptr<Reporter> reporter_;
  std::uint64_t period_us_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Stream> stream_;  // goes before the channel
};

}  // namespace

std::unique_ptr<Asker> make_orca_client(Sink& sink, const SourceTarget& target) {
  return std::make_unique<OrcaClient>(sink, target);
}

}  // namespace fairlead::monitor
