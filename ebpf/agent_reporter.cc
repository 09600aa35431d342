// SPDX-License-Identifier: BSD-3-Clause
// The reporter's thread: open a stream, write the newest report, wait and try again.
#include "ebpf/agent_reporter.hh"

#include <chrono>

#include <grpcpp/grpcpp.h>

#include "dataplane/sys/system_clock.hh"

namespace fairlead::agent {
namespace {

// A stream that carried this many reports was a success: the next failure is a new one.
constexpr std::uint64_t kSuccess = 5;

std::chrono::nanoseconds duration(base::Nanoseconds ns) {
  return std::chrono::nanoseconds(ns);
}

}  // namespace

Reporter::Reporter(std::string to, const monitor::Credentials& with)
    : to_(std::move(to)),
      stub_(v1::Monitoring::NewStub(monitor::make_channel(to_, with))),
      thread_([this] { run(); }) {}

Reporter::~Reporter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  changed_.notify_all();
  thread_.join();
}

void Reporter::post(const v1::LoadReport& report) {
  {
    const std::lock_guard lock(mutex_);
    newest_ = report;
  }
  changed_.notify_all();
}

base::Result<std::uint64_t> Reporter::leave(const std::string& backend, base::Nanoseconds timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + duration(timeout));
  v1::LeaveRequest request;
  request.set_backend_id(backend);
  request.set_reason("agent is ending");
  v1::LeaveReply reply;
  const grpc::Status status = stub_->Leave(&context, request, &reply);
  if (!status.ok()) {
    return base::fail(base::ErrorCode::kUnavailable, to_ + ": " + status.error_message());
  }
  return reply.flows();
}

Reporter::State Reporter::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool Reporter::take_newest(v1::LoadReport& report, std::uint64_t last_sequence) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stop_ || newest_.sequence() > last_sequence; });
  if (stop_) return false;
  report = newest_;
  return true;
}

void Reporter::note_sent() {
  const std::lock_guard lock(mutex_);
  state_.connected = true;
  state_.trouble.end();
  ++state_.sent;
}

/// One stream from its opening to its end; returns the reports it carried.
std::uint64_t Reporter::stream(Opening opening) {
  grpc::ClientContext context;
  context.set_wait_for_ready(opening == Opening::kWaits);
  v1::ReportReply reply;
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return 0;
    context_ = &context;
    ++state_.streams;
  }
  const auto writer = stub_->Report(&context, &reply);
  v1::LoadReport report;
  std::uint64_t sent = 0;
  while (take_newest(report, report.sequence()) && writer->Write(report)) {
    ++sent;
    note_sent();
  }
  const grpc::Status status = writer->Finish();
  const std::lock_guard lock(mutex_);
  context_ = nullptr;
  state_.connected = false;
  state_.trouble.begin(
      reply.reason().empty() ? status.error_message() : reply.reason(), sys::monotonic_ns()
  );
  return sent;
}

/// The first attempt after a success fails at once and so tells the reason. While the receiver
/// stays away the next one waits inside gRPC, because only a thread that waits there polls the
/// sockets: between calls an answer to a SYN lies unseen until the attempt's time is over or the
/// backup poller passes (every 5 s), and connecting took 4 to 20 s.
void Reporter::run() {
  Backoff backoff;
  Opening opening = Opening::kFailsAtOnce;
  for (;;) {
    const std::uint64_t sent = stream(opening);
    opening = sent == 0 ? Opening::kWaits : Opening::kFailsAtOnce;
    if (sent >= kSuccess) backoff.succeeded();
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, duration(backoff.next()), [this] { return stop_; })) return;
  }
}

}  // namespace fairlead::agent
