// SPDX-License-Identifier: BSD-3-Clause
// Calls and watches.
#include "control/api/grpc_call.hh"

#include <mutex>
#include <utility>

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include "control/api/control.pb.h"

namespace fairlead::api {
namespace {

using Json = nlohmann::json;
using Message = google::protobuf::Message;
using Traits = grpc::SerializationTraits<Message>;

base::Result<Json> arguments_of(const Rpc& rpc, grpc::ByteBuffer& bytes) {
  const auto request = new_message(rpc.input_type());
  if (!Traits::Deserialize(&bytes, request.get()).ok())
    return base::invalid("the request is no " + rpc.input_type()->full_name());
  return fields_of(*request);
}

grpc::ByteBuffer bytes_of(const Message& message) {
  grpc::ByteBuffer out;
  bool own = false;
  (void)Traits::Serialize(message, &out, &own);
  return out;
}

class Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(Dispatch& dispatch, const Rpc& rpc, Peer peer)
      : dispatch_(dispatch), rpc_(rpc), peer_(peer) {
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish({grpc::StatusCode::INVALID_ARGUMENT, "the request is missing"});
    const auto arguments = arguments_of(rpc_, request_);
    if (!arguments) return Finish(status_of(arguments.error()));
    dispatch_.ask(method_name(rpc_.name()), *arguments, peer_, [this](base::Result<Json> result) {
      answer(result);
    });
  }
  void OnDone() override { delete this; }

 private:
  void answer(const base::Result<Json>& result) {
    if (!result) return Finish(status_of(result.error()));
    const auto message = new_message(rpc_.output_type());
    if (const auto filled = fill(*result, *message); !filled)
      return Finish(status_of(filled.error()));
    reply_ = bytes_of(*message);
    StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
  }

  Dispatch& dispatch_;
  const Rpc& rpc_;
  Peer peer_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
};

/// Holds one event at a time: what the client has not taken stays in the ring, or is missed there.
class Watch final : public grpc::ServerGenericBidiReactor {
 public:
  Watch(Dispatch& dispatch, const Rpc& rpc)
      : rpc_(rpc), watched_(watched(dispatch, watch_name(rpc))) {
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return end({grpc::StatusCode::INVALID_ARGUMENT, "the request is missing"});
    const auto arguments = arguments_of(rpc_, request_);
    if (!arguments) return end(status_of(arguments.error()));
    const auto after = watch_from(watched_, *arguments);
    if (!after) return end(status_of(after.error()));
    {
      const std::lock_guard lock(mutex_);
      after_ = *after;
    }
    StartSendInitialMetadata();
    const std::uint64_t key = watched_.ring->subscribe([this] { pump(); });
    bool gone = false;
    {
      const std::lock_guard lock(mutex_);
      gone = ended_;
      key_ = key;
    }
    gone ? watched_.ring->forget(key) : pump();
  }
  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
    }
    ok ? pump() : end(grpc::Status::CANCELLED);
  }
  void OnCancel() override { end(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void pump() {
    const std::lock_guard lock(mutex_);
    if (writing_ || ended_) return;
    const EventRing::Page page = watched_.ring->read(after_, watched_.kind, 1);
    after_ = page.next;
    missed_ += page.missed;
    if (page.events.empty()) return;
    Json json = to_json(page.events.front());
    if (missed_ != 0) json["missed"] = missed_;
    missed_ = 0;
    control::v1::Event event;
    if (!fill(json, event)) return;
    out_ = bytes_of(event);
    writing_ = true;
    StartWrite(&out_);
  }
  // Once; not under the lock, which a waker may wait for while forget() waits for the waker.
  void end(const grpc::Status& status) {
    std::uint64_t key = 0;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
      key = key_;
    }
    if (key != 0) watched_.ring->forget(key);
    Finish(status);
  }

  const Rpc& rpc_;
  Watched watched_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer out_;
  std::mutex mutex_;
  std::uint64_t after_ = 0;
  std::uint64_t missed_ = 0;
  std::uint64_t key_ = 0;
  bool writing_ = false;
  bool ended_ = false;
};

class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(const base::Error& error) { Finish(status_of(error)); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::Status status_of(const base::Error& error) {
  using base::ErrorCode;
  using grpc::StatusCode;
  constexpr std::pair<ErrorCode, StatusCode> kCodes[] = {
      {ErrorCode::kInvalidArgument, StatusCode::INVALID_ARGUMENT},
      {ErrorCode::kNotFound, StatusCode::NOT_FOUND},
      {ErrorCode::kAlreadyExists, StatusCode::ALREADY_EXISTS},
      {ErrorCode::kFailedPrecondition, StatusCode::FAILED_PRECONDITION},
      {ErrorCode::kPermissionDenied, StatusCode::PERMISSION_DENIED},
      {ErrorCode::kResourceExhausted, StatusCode::RESOURCE_EXHAUSTED},
      {ErrorCode::kUnavailable, StatusCode::UNAVAILABLE},
      {ErrorCode::kDataLoss, StatusCode::DATA_LOSS},
  };
  for (const auto& [ours, theirs] : kCodes) {
    if (ours == error.code) return {theirs, error.what};
  }
  return {StatusCode::INTERNAL, error.what};
}

grpc::ServerGenericBidiReactor* make_call(Dispatch& dispatch, const Rpc& rpc, Peer peer) {
  return new Call(dispatch, rpc, peer);
}

grpc::ServerGenericBidiReactor* make_watch(Dispatch& dispatch, const Rpc& rpc) {
  return new Watch(dispatch, rpc);
}

grpc::ServerGenericBidiReactor* make_refusal(const base::Error& error) {
  return new Refusal(error);
}

}  // namespace fairlead::api
