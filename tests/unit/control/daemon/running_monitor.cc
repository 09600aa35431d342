// SPDX-License-Identifier: BSD-3-Clause
// Spawning and asking.
#include "tests/unit/control/daemon/running_monitor.hh"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "control/api/fairlead.grpc.pb.h"
#include "dataplane/sys/system_clock.hh"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

std::shared_ptr<grpc::Channel> channel_to(const std::string& at) {
  grpc::ChannelArguments own;
  own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(at, grpc::InsecureChannelCredentials(), own);
}

}  // namespace

RunningMonitor::RunningMonitor(std::string config, std::string log)
    : at_("127.0.0.1:" + std::to_string(free_port())),
      metrics_port_(free_port()),
      config_(std::move(config)),
      log_(std::move(log)) {}

void RunningMonitor::start() {
  const char* program = std::getenv("FAIRLEAD_MONITOR");
  ASSERT_NE(program, nullptr) << "FAIRLEAD_MONITOR names the program";
  pid_ = ::fork();
  if (pid_ != 0) return;
  const int fd = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(fd, STDERR_FILENO);
  const std::string metrics = "127.0.0.1:" + std::to_string(metrics_port_);
  ::execl(
      program,
      program,
      "--config",
      config_.c_str(),
      "--listen",
      at_.c_str(),
      "--metrics",
      metrics.c_str(),
      nullptr
  );
  ::_exit(127);
}

void RunningMonitor::kill_now() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RunningMonitor::signal(int number) const {
  ::kill(pid_, number);
}

std::string RunningMonitor::metrics() const {
  return metrics_at(metrics_port_);
}

std::string RunningMonitor::log() const {
  std::ifstream in(log_);
  return {std::istreambuf_iterator<char>(in), {}};
}

void RunningMonitor::report(const std::string& backend, std::uint64_t sequence, double cpu) const {
  v1::LoadReport r;
  r.set_backend_id(backend);
  r.set_sequence(sequence);
  r.set_timestamp_unix_us(sys::wall_us());
  r.set_period_us(100'000);
  r.set_cpu_utilization(cpu);
  const auto stub = v1::Monitoring::NewStub(channel_to(at_));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  v1::ReportReply reply;
  const auto writer = stub->Report(&context, &reply);
  writer->Write(r);
  writer->WritesDone();
  EXPECT_TRUE(writer->Finish().ok());
  EXPECT_EQ(reply.accepted(), 1U) << reply.reason();
}

std::uint64_t RunningMonitor::leave(const std::string& backend) const {
  const auto stub = v1::Monitoring::NewStub(channel_to(at_));
  grpc::ClientContext context;
  v1::LeaveRequest request;
  request.set_backend_id(backend);
  v1::LeaveReply reply;
  EXPECT_TRUE(stub->Leave(&context, request, &reply).ok());
  return reply.flows();
}

}  // namespace fairlead::control
