// SPDX-License-Identifier: BSD-3-Clause
// Streams by gRPC's callbacks.
#include "control/monitor/watch_service.hh"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include <grpcpp/grpcpp.h>

#include "dataplane/sys/system_clock.hh"

namespace fairlead::monitor {
namespace {

using Raw =
    v1::Fleet::WithRawCallbackMethod_Watch<v1::Fleet::WithCallbackMethod_Tell<v1::Fleet::Service>>;

constexpr std::size_t kMostNodes = 256;
// An update is sent at least once a second: one that is older is of a monitor that hung.
constexpr base::Nanoseconds kStillTrue = 2 * base::kSecond;

class Stream;

class Streams {
 public:
  void add(Stream* stream);
  void remove(Stream* stream);
  void publish(const grpc::ByteBuffer& bytes);
  void end();
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::set<Stream*> open_;
  bool ended_ = false;
  std::optional<grpc::ByteBuffer> last_;
  base::Nanoseconds last_at_ = 0;
};

// One node that watches; deletes itself when gRPC is done with it.
class Stream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit Stream(Streams& all) : all_(all) { all_.add(this); }

  void write(const grpc::ByteBuffer& bytes) {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    next_ = bytes;
    start();
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    finished_ = true;
    Finish(grpc::Status::OK);
  }
  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (ok && !finished_) start();
      if (ok || finished_) return;
    }
    finish();
  }
  void OnCancel() override { finish(); }
  void OnDone() override {
    all_.remove(this);
    delete this;
  }

 private:
  void start() {
    if (writing_ || !next_) return;
    out_ = std::move(*next_);
    next_.reset();
    writing_ = true;
    StartWrite(&out_);
  }

  Streams& all_;
  std::mutex mutex_;
  bool writing_ = false;  // the rest: guarded by mutex_
  bool finished_ = false;
  grpc::ByteBuffer out_;
  std::optional<grpc::ByteBuffer> next_;
};

void Streams::add(Stream* stream) {
  const std::lock_guard lock(mutex_);
  open_.insert(stream);
  if (ended_) {
    stream->finish();
  } else if (last_ && sys::monotonic_ns() < last_at_ + kStillTrue) {
    stream->write(*last_);
  }
}

void Streams::remove(Stream* stream) {
  const std::lock_guard lock(mutex_);
  open_.erase(stream);
}

void Streams::publish(const grpc::ByteBuffer& bytes) {
  const std::lock_guard lock(mutex_);
  last_ = bytes;
  last_at_ = sys::monotonic_ns();
  for (Stream* stream : open_) stream->write(bytes);
}

void Streams::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  for (Stream* stream : open_) stream->finish();
}

class GrpcWatchService final : public WatchService, private Raw {
 public:
  void publish(const v1::MonitoringUpdate& update) override {
    grpc::ByteBuffer bytes;
    bool own = false;
    const auto encoded =
        grpc::SerializationTraits<v1::MonitoringUpdate>::Serialize(update, &bytes, &own);
    if (encoded.ok()) streams_.publish(bytes);
  }
  void end() override { streams_.end(); }
  [[nodiscard]] std::size_t watching() const override { return streams_.count(); }

  [[nodiscard]] std::vector<v1::NodeRow> nodes(base::Nanoseconds now, base::Nanoseconds age)
      const override {
    const std::lock_guard lock(mutex_);
    std::vector<v1::NodeRow> out;
    for (const auto& [id, node] : nodes_) {
      if (now > node.at + age) continue;
      v1::NodeRow row;
      *row.mutable_report() = node.report;
      row.set_age_ms(static_cast<std::uint32_t>((now - node.at) / base::kMillisecond));
      out.push_back(std::move(row));
    }
    return out;
  }
  grpc::Service& grpc_service() override { return *static_cast<Raw*>(this); }

 private:
  struct Told {
    v1::NodeReport report;
    base::Nanoseconds at = 0;
  };

  grpc::ServerWriteReactor<grpc::ByteBuffer>*
  Watch(grpc::CallbackServerContext*, const grpc::ByteBuffer*) override {
    return new Stream(streams_);
  }

  grpc::ServerUnaryReactor*
  Tell(grpc::CallbackServerContext* context, const v1::NodeReport* report, v1::TellReply*)
      override {
    auto* reactor = context->DefaultReactor();
    const std::lock_guard lock(mutex_);
    if (report->node_id().empty() || report->node_id().size() > 64 ||
        (nodes_.size() >= kMostNodes && nodes_.count(report->node_id()) == 0)) {
      reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, "no node's id, or too many nodes"});
      return reactor;
    }
    nodes_[report->node_id()] = {*report, sys::monotonic_ns()};
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  Streams streams_;
  mutable std::mutex mutex_;
  std::map<std::string, Told> nodes_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<WatchService> WatchService::make() {
  return std::make_unique<GrpcWatchService>();
}

}  // namespace fairlead::monitor
