// SPDX-License-Identifier: BSD-3-Clause
// Load reports and leaving over real gRPC.
#include <chrono>
#include <functional>
#include <limits>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "control/api/fairlead.grpc.pb.h"
#include "dataplane/shm/region.hh"
#include "dataplane/sys/system_clock.hh"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

class Agent {
 public:
  explicit Agent(int port) {
    // A connection of its own: gRPC would hand out that of the agent before, which may be broken.
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), own
    );
    stub_ = v1::Monitoring::NewStub(channel_);
  }

  static v1::LoadReport report(const std::string& id, std::uint64_t sequence) {
    v1::LoadReport r;
    r.set_backend_id(id);
    r.set_sequence(sequence);
    r.set_timestamp_unix_us(sys::wall_us());
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

  /// The same with messages of any bytes.
  v1::ReportReply send_bytes(const std::vector<std::string>& messages) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    grpc::ByteBuffer answer;
    const auto stream = bytes_stream(context, answer);
    for (const std::string& message : messages) stream->Write(bytes_of(message));
    stream->WritesDone();
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    v1::ReportReply reply;
    EXPECT_TRUE(grpc::SerializationTraits<v1::ReportReply>::Deserialize(&answer, &reply).ok());
    return reply;
  }

  /// A message of a megabyte.
  void send_too_much() {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    grpc::ByteBuffer answer;
    const auto stream = bytes_stream(context, answer);
    stream->Write(bytes_of(std::string(1 << 20, 'x')));
    stream->WritesDone();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
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
  using BytesStream = grpc::ClientWriter<grpc::ByteBuffer>;
  std::unique_ptr<BytesStream> bytes_stream(
      grpc::ClientContext& context, grpc::ByteBuffer& answer
  ) {
    const grpc::internal::RpcMethod method(
        "/fairlead.v1.Monitoring/Report", grpc::internal::RpcMethod::CLIENT_STREAMING, channel_
    );
    return std::unique_ptr<BytesStream>(
        grpc::internal::ClientWriterFactory<grpc::ByteBuffer>::Create(
            channel_.get(), method, &context, &answer
        )
    );
  }
  static grpc::ByteBuffer bytes_of(const std::string& message) {
    const grpc::Slice slice(message);
    return {&slice, 1};
  }

  std::shared_ptr<grpc::Channel> channel_;
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

TEST(ControlReports, AnUpdateHasBackendsOnceAndTheNodesForwardingLatency) {
  Backend b1(1);
  auto b2 = std::make_unique<Backend>(2);
  RunningControl control;
  control.write_config({&b1, b2.get()});
  control.start();
  b2->stop();
  Agent agent(control.grpc_port());
  ASSERT_EQ(agent.send({Agent::report("b1", 1)}).accepted(), 1U);
  EXPECT_FALSE(control.result("show update")["nodes"][0].contains("forward_latency_us"));
  auto workers = shm::Region::attach(
      control.folder() + "/run/workers", FL_REGION_WORKERS, shm::Access::kReadWrite
  );
  ASSERT_TRUE(workers);
  auto* pages = workers->at<fl_workers>(0);
  pages->worker_count = 1;
  Json update;

  ASSERT_TRUE(control.eventually([&] {
    pages->worker[0].latency[fl_latency_bucket(4000)] += 10;  // packets between two looks
    update = control.result("show update");
    return update["nodes"][0].contains("forward_latency_us") &&
           update["backends"][1]["state"] == "down";
  }));

  // A bucket's middle: 3584 to 4096 ns.
  EXPECT_EQ(update["nodes"], Json::parse(R"([{"id":"t1","forward_latency_us":3.84}])"));
  EXPECT_EQ(
      update["backends"][0],
      Json::parse(R"({"id":"b1","state":"up","cpu":0.25,"memory":0.0,"active":5.0,"capacity":64,
                      "latency_us":12000.0})")
  );
  EXPECT_FALSE(update["backends"][1].contains("cpu")) << "it never reported";
  EXPECT_EQ(update["backends"].size(), 2U);
}

/// What a report may change, as operators see it.
Json measured(const RunningControl& control) {
  Json rows = control.result("show backend");
  for (Json& row : rows["backends"]) {
    row.erase("report_age_ms");
    row.erase("reports");  // ages and refusals
    row.erase("health");   // the first probes may end meanwhile
  }
  return {rows, control.result("show status")["digest"], control.result("show status")["agents"]};
}

std::uint64_t refused(const RunningControl& control, const std::string& reason) {
  const std::string text = control.metrics();
  const std::string name = "fairlead_reports_refused_total{reason=\"" + reason + "\"} ";
  const auto at = text.find(name);
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + name.size()));
}

TEST(ControlReports, BadOnesChangeNothingAndAreCountedByReason) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.serve_metrics();
  control.write_config({&b1, &b2}, "policy: {name: static}\n");
  control.start();
  Agent agent(control.grpc_port());
  ASSERT_EQ(agent.send({Agent::report("b1", 5)}).accepted(), 1U);
  const Json before = measured(control);

  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  using Report = v1::LoadReport;
  const std::pair<const char*, std::function<void(Report&)>> bad[] = {
      {"unknown_backend", [](Report& r) { r.set_backend_id("b9"); }},
      {"unknown_backend", [](Report& r) { r.set_backend_id(""); }},
      {"unknown_backend", [](Report& r) { r.set_backend_id(std::string(30'000, 'x')); }},
      {"unknown_backend", [](Report& r) { r.set_backend_id(std::string("b1\0", 3)); }},
      {"not_finite", [&](Report& r) { r.set_cpu_utilization(nan); }},
      {"not_finite", [&](Report& r) { r.set_mean_latency_us(infinite); }},
      {"not_finite", [&](Report& r) { r.set_rps_fractional(-infinite); }},
      {"negative", [](Report& r) { r.set_mem_utilization(-0.1); }},
      {"negative", [](Report& r) { r.set_mean_latency_us(-1e300); }},
      {"out_of_range", [](Report& r) { r.set_cpu_utilization(1e300); }},
      {"out_of_range", [](Report& r) { r.set_active_connections(4'000'000'000); }},
      {"out_of_range", [](Report& r) { r.set_capacity(4'000'000'000); }},
      {"no_period", [](Report& r) { r.set_period_us(0); }},
      {"no_period", [&](Report& r) { r.set_period_us(most); }},
      {"from_future", [&](Report& r) { r.set_timestamp_unix_us(most); }},
      {"stale", [](Report& r) { r.set_timestamp_unix_us(0); }},
      {"duplicate", [](Report& r) { r.set_sequence(5); }},
      {"sequence_back", [](Report& r) { r.set_sequence(4); }},
      {"counter_back", [](Report& r) { r.set_completed(0); }},
      {"jump", [](Report& r) { r.set_mean_latency_us(3e9); }},
  };
  for (const auto& [reason, spoil] : bad) {
    Report report = Agent::report("b1", 6);
    spoil(report);
    const std::uint64_t counted = refused(control, reason);
    const auto reply = agent.send({report});
    EXPECT_EQ(reply.accepted(), 0U) << reason;
    EXPECT_EQ(reply.reason(), reason);
    EXPECT_EQ(refused(control, reason), counted + 1) << reason;
    EXPECT_EQ(measured(control), before) << reason;
  }
}

TEST(ControlReports, BytesThatAreNoReportChangeNothingAndTheStreamGoesOn) {
  Backend b1(1);
  RunningControl control;
  control.serve_metrics();
  control.write_config({&b1}, "policy: {name: static}\n");
  control.start();
  Agent agent(control.grpc_port());
  ASSERT_EQ(agent.send({Agent::report("b1", 5)}).accepted(), 1U);
  const Json before = measured(control);
  const std::string good = Agent::report("b1", 6).SerializeAsString();

  std::vector<std::string> bad = {
      "\x0a\x05"
      "b1",                                                // a text that ends early
      "\x0a\x02\xff\xfe",                                  // no UTF-8
      "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  // a number of 11 bytes
      "\xff\xff\xff\xff",                                  // no field
      std::string("\0\0", 2),                              // field 0
      "{\"backend_id\":\"b1\"}",                           // JSON
  };
  const auto reply = agent.send_bytes(bad);
  EXPECT_EQ(reply.accepted(), 0U);
  EXPECT_EQ(reply.refused(), bad.size());
  EXPECT_EQ(reply.reason(), "malformed");
  EXPECT_EQ(refused(control, "malformed"), bad.size());
  EXPECT_EQ(measured(control), before);

  // Wrong types: each field as another one is skipped as unknown, so the report lacks it.
  bad.clear();
  for (std::size_t length = 0; length < good.size(); ++length)
    bad.push_back(good.substr(0, length));
  bad.push_back("\x08\x01" + good.substr(4));  // the id is a number
  EXPECT_EQ(agent.send_bytes(bad).accepted(), 0U);
  EXPECT_EQ(measured(control), before);

  EXPECT_EQ(agent.send_bytes({"\xff", good}).accepted(), 1U);
}

TEST(ControlReports, AFloodOfThemAndMessagesWithoutEndAreSurvived) {
  Backend b1(1);
  RunningControl control;
  control.write_config({&b1});
  control.start();
  Agent agent(control.grpc_port());
  const std::vector<v1::LoadReport> flood(20'000, Agent::report("b9", 1));
  EXPECT_EQ(agent.send(flood).refused(), flood.size());
  agent.send_too_much();
  EXPECT_EQ(Agent(control.grpc_port()).send({Agent::report("b1", 1)}).accepted(), 1U);
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
    const int first = weight("b1");  // 0 until it is up
    return first > 0 && weight("b2") > 2 * first;
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

TEST(ControlReports, SayWhatCameThroughTheTunnelsOfABackend) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.serve_metrics();
  control.write_config({&b1, &b2});
  control.start();
  Agent agent(control.grpc_port());
  v1::LoadReport first = Agent::report("b1", 1);
  (*first.mutable_tunnel())["passed_on"] = 3;
  (*first.mutable_tunnel())["hop_last"] = 1;
  (*first.mutable_tunnel())["evil\"} 1"] = 9;

  EXPECT_EQ(agent.send({first, Agent::report("b1", 2)}).accepted(), 2U);

  EXPECT_EQ(control.backend("b1")["tunnel"], (Json{{"hop_last", 1}, {"passed_on", 3}}));
  EXPECT_FALSE(control.backend("b2").contains("tunnel"));
  EXPECT_NE(
      control.metrics().find(
          "fairlead_backend_tunnel_packets_total{backend=\"b1\",counter=\"passed_on\"} 3"
      ),
      std::string::npos
  );
}

}  // namespace
}  // namespace fairlead::control
