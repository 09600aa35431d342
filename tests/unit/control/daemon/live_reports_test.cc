// SPDX-License-Identifier: BSD-3-Clause
// Load reports and leaving over real gRPC.
#include <chrono>
#include <limits>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "control/api/fairlead.grpc.pb.h"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

class Agent {
 public:
  explicit Agent(int port) {
    // A connection of its own: gRPC would hand out that of the agent before, which may be broken.
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::Monitoring::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), own
    ));
  }

  static v1::LoadReport report(const std::string& id, std::uint64_t sequence) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    v1::LoadReport r;
    r.set_backend_id(id);
    r.set_sequence(sequence);
    r.set_timestamp_unix_us(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now).count()
    ));
    r.set_cpu_utilization(0.25);
    r.set_rps_fractional(100);
    r.set_active_connections(5);
    r.set_capacity(64);
    r.set_mean_latency_us(12'000);
    r.set_completed(10 * sequence);
    r.set_period_us(100'000);
    return r;
  }

  v1::ReportReply send(const std::vector<v1::LoadReport>& reports) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::ReportReply reply;
    const auto stream = stub_->Report(&context, &reply);
    for (const auto& r : reports) stream->Write(r);
    stream->WritesDone();
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return reply;
  }

  grpc::Status leave(const std::string& id, v1::LeaveReply* reply) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::LeaveRequest request;
    request.set_backend_id(id);
    request.set_reason("test");
    return stub_->Leave(&context, request, reply);
  }

 private:
  std::unique_ptr<v1::Monitoring::Stub> stub_;
};

TEST(ControlReports, GoodOnesAreShownBadOnesCounted) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2});
  control.start();
  Agent agent(control.grpc_port());
  auto nan = Agent::report("b1", 3);
  nan.set_cpu_utilization(std::numeric_limits<double>::quiet_NaN());

  const auto reply =
      agent.send({Agent::report("b1", 1), Agent::report("b1", 2), nan, Agent::report("b7", 1)});

  EXPECT_EQ(reply.accepted(), 2U);
  EXPECT_EQ(reply.refused(), 2U);
  EXPECT_EQ(reply.reason(), "unknown_backend");
  const Json row = control.backend("b1");
  EXPECT_EQ(row["cpu"], 0.25);
  EXPECT_EQ(row["active_connections"], 5);
  EXPECT_EQ(row["capacity"], 64);
  EXPECT_FALSE(control.backend("b2").contains("cpu"));
  EXPECT_EQ(control.result("show status")["agents"], 1);
}

TEST(ControlReports, FrozenWeightsStayWhateverIsMeasuredUntilTheyAreThawed) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2}, "policy: {name: wrr}\n");
  control.start();
  Agent agent(control.grpc_port());
  std::uint64_t sequence = 0;
  const auto weight = [&](const char* id) { return control.backend(id)["weight"].get<int>(); };
  // Both at a quarter of their CPU: requests a second say which one can do more.
  const auto report = [&](double first, double second) {
    auto one = Agent::report("b1", ++sequence);
    auto two = Agent::report("b2", sequence);
    one.set_rps_fractional(first);
    two.set_rps_fractional(second);
    agent.send({one, two});
  };
  ASSERT_TRUE(control.eventually([&] {
    report(100, 300);
    return weight("b2") > 2 * weight("b1");
  }));

  control.result("freeze weights");
  const int frozen = weight("b1");
  const double since = control.result("show status")["uptime_s"];
  ASSERT_TRUE(control.eventually([&] {  // dozens of the policy's turns
    report(300, 100);
    return control.result("show status")["uptime_s"].get<double>() > since + 3;
  }));
  EXPECT_EQ(weight("b1"), frozen);
  EXPECT_EQ(control.result("show status")["frozen"], true);

  control.result("thaw weights");
  // They follow again; how far depends on how much had been measured before.
  EXPECT_TRUE(control.eventually([&] {
    report(300, 100);
    return weight("b1") > frozen;
  }));
}

TEST(ControlReports, LeavingBackendDrainsAndComesBackWithANewSequence) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2});
  control.start();
  Agent agent(control.grpc_port());
  agent.send({Agent::report("b1", 1), Agent::report("b1", 2)});

  v1::LeaveReply reply;
  EXPECT_TRUE(agent.leave("b1", &reply).ok());
  EXPECT_EQ(reply.flows(), 0U);
  EXPECT_TRUE(control.eventually([&] { return control.backend("b1")["state"] == "draining"; }));
  control.kill_now();
  control.start();
  EXPECT_EQ(control.backend("b1")["state"], "draining");

  Agent again(control.grpc_port());
  again.send({Agent::report("b1", 1), Agent::report("b1", 2)});
  again.send({Agent::report("b1", 1)});
  EXPECT_TRUE(control.eventually([&] { return control.backend("b1")["state"] == "active"; }));
  EXPECT_EQ(again.leave("b9", &reply).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace fairlead::control
