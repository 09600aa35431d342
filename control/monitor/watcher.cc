// SPDX-License-Identifier: BSD-3-Clause
// Watch until the stream ends, wait a moment, watch again.
#include "control/monitor/watcher.hh"

#include <chrono>

#include <grpcpp/grpcpp.h>

#include "control/monitor/channel.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::monitor {
namespace {

constexpr std::chrono::milliseconds kAgain{200};
constexpr std::chrono::milliseconds kTellTimeout{1000};

}  // namespace

Watcher::Watcher(std::string to, std::string node, const Credentials& with, Calls calls)
    : to_(std::move(to)),
      node_(std::move(node)),
      calls_(std::move(calls)),
      with_(with),
      stub_(v1::Fleet::NewStub(make_channel(to_, with_))),
      heard_at_(sys::monotonic_ns()),
      thread_([this] { run(); }) {}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  changed_.notify_all();
  thread_.join();
}

Watcher::State Watcher::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Watcher::renew(base::Nanoseconds silence) {
  const std::lock_guard lock(mutex_);
  const base::Nanoseconds now = sys::monotonic_ns();
  if (now < heard_at_ + silence) return;
  heard_at_ = now;  // the new connection has as long
  renew_ = true;
  if (context_ != nullptr) context_->TryCancel();
  changed_.notify_all();
}

// As in the agent's reporter: the first attempt after a stream fails at once and so tells the
// reason, later ones wait inside gRPC, where the sockets are polled.
void Watcher::run() {
  bool wait_for_ready = false;
  for (;;) {
    wait_for_ready = !stream(wait_for_ready);
    std::unique_lock lock(mutex_);
    (void)changed_.wait_for(lock, kAgain, [this] { return stop_ || renew_; });
    if (stop_) return;
    if (!renew_) continue;
    renew_ = false;
    wait_for_ready = true;
    stub_ = v1::Fleet::NewStub(make_channel(to_, with_));
  }
}

/// Returns whether updates came.
bool Watcher::stream(bool wait_for_ready) {
  grpc::ClientContext context;
  context.set_wait_for_ready(wait_for_ready);
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return false;
    context_ = &context;
  }
  v1::WatchRequest request;
  request.set_node_id(node_);
  const auto reader = stub_->Watch(&context, request);
  v1::MonitoringUpdate update;
  bool any = false;
  while (reader->Read(&update)) {
    if (!any) sys::log_debug("updates come from monitor " + to_);
    any = true;
    {
      const std::lock_guard lock(mutex_);
      state_.connected = true;
      state_.trouble.clear();
      ++state_.updates;
      state_.bytes += update.ByteSizeLong();
      heard_at_ = sys::monotonic_ns();
    }
    calls_.update(update);
    tell();
  }
  const grpc::Status status = reader->Finish();
  const std::lock_guard lock(mutex_);
  context_ = nullptr;
  state_.connected = false;
  state_.trouble = status.ok() ? "it ended" : status.error_message();
  if (any) sys::log_debug("updates end from monitor " + to_ + ": " + state_.trouble);
  return any;
}

void Watcher::tell() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTellTimeout);
  v1::TellReply reply;
  // What does not arrive is told again after the next update.
  (void)stub_->Tell(&context, calls_.report(), &reply);
}

}  // namespace fairlead::monitor
