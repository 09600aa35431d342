// SPDX-License-Identifier: BSD-3-Clause
// gRPC on one side, Sink on the other; the only file of control that knows gRPC.
#include "control/monitor/service.hh"

#include <chrono>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "control/api/fairlead.grpc.pb.h"
#include "control/monitor/report_wire.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::monitor {
namespace {

constexpr int kMostMessageBytes = 64 * 1024;

// One stream of reports; deletes itself when gRPC is done with it. It takes bytes and parses them
// itself: gRPC would end the stream of an agent at the first message that is none, uncounted.
class ReportStream final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  ReportStream(Sink& sink, grpc::ByteBuffer& reply) : sink_(sink), reply_(reply) {
    StartRead(&bytes_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) {
      bool own = false;
      Finish(grpc::SerializationTraits<v1::ReportReply>::Serialize(sums_, &reply_, &own));
      return;
    }
    const Refusal refusal = take();
    if (refusal == Refusal::kNone) {
      sums_.set_accepted(sums_.accepted() + 1);
    } else {
      sums_.set_refused(sums_.refused() + 1);
      sums_.set_reason(std::string(to_string(refusal)));
    }
    StartRead(&bytes_);
  }
  void OnDone() override { delete this; }

 private:
  Refusal take() {
    v1::LoadReport message;
    if (grpc::SerializationTraits<v1::LoadReport>::Deserialize(&bytes_, &message).ok())
      return take_told(sink_, from_wire(message));
    sink_.on_malformed();
    return Refusal::kMalformed;
  }

  Sink& sink_;
  grpc::ByteBuffer& reply_;
  grpc::ByteBuffer bytes_;
  v1::ReportReply sums_;
};

using RawReports = v1::Monitoring::WithRawCallbackMethod_Report<
    v1::Monitoring::WithCallbackMethod_Leave<v1::Monitoring::Service>>;

class GrpcService final : public Service, private RawReports {
 public:
  explicit GrpcService(Sink& sink) : sink_(sink) {}
  ~GrpcService() override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
    server_->Wait();
  }

  bool listen(
      const std::string& address,
      const std::shared_ptr<grpc::ServerCredentials>& as,
      const std::vector<grpc::Service*>& more
  ) {
    grpc::ServerBuilder builder;
    // Two daemons on one port must not share it in silence.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // Else every report is answered by a ping that measures the path (and its echo costs a read):
    // 100 bytes every 100 ms need no window that grows.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.SetMaxReceiveMessageSize(kMostMessageBytes);
    builder.AddListeningPort(address, as, &port_);
    builder.RegisterService(static_cast<RawReports*>(this));
    for (grpc::Service* service : more) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    return server_ != nullptr && port_ != 0;
  }
  [[nodiscard]] int port() const override { return port_; }

 private:
  grpc::ServerReadReactor<grpc::ByteBuffer>* Report(
      grpc::CallbackServerContext*, grpc::ByteBuffer* reply
  ) override {
    return new ReportStream(sink_, *reply);
  }

  grpc::ServerUnaryReactor* Leave(
      grpc::CallbackServerContext* context, const v1::LeaveRequest* request, v1::LeaveReply* reply
  ) override {
    auto* reactor = context->DefaultReactor();
    const auto flows = sink_.on_leave(request->backend_id(), request->reason());
    if (!flows) {
      reactor->Finish({grpc::StatusCode::NOT_FOUND, "no pool has this backend"});
      return reactor;
    }
    reply->set_flows(*flows);
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  Sink& sink_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Refusal take_told(Sink& sink, const LoadReport& report) {
  const Refusal refusal = sink.on_report(report);
  if (refusal != Refusal::kNone && sys::would_log(sys::LogLevel::kDebug)) {
    sys::log_debug(
        "report refused backend=" + report.backend_id.substr(0, 80) + " reason=" +
        std::string(to_string(refusal)) + " origin=" + std::string(to_string(report.origin)) +
        " sequence=" + std::to_string(report.sequence)
    );
  }
  return refusal;
}

base::Result<std::unique_ptr<Service>> Service::start(
    const std::string& listen, const Tls& tls, Sink& sink, const std::vector<grpc::Service*>& more
) {
  FL_ASSIGN(const auto credentials, server_credentials(tls));
  auto service = std::make_unique<GrpcService>(sink);
  if (!service->listen(listen, credentials, more)) {
    return base::fail(
        base::ErrorCode::kUnavailable,
        "cannot listen on " + listen +
            " (TCP), the port is taken or the address is not of this host"
    );
  }
  return std::unique_ptr<Service>(std::move(service));
}

}  // namespace fairlead::monitor
