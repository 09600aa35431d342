// SPDX-License-Identifier: BSD-3-Clause
// What a monitor costs: starts fairlead-monitor, gives it nodes that exchange counts and agents
// that report, and prints its CPU time, the bytes into a node and how long a round takes. usage:
// monitor_load MONITOR NODES BACKENDS AGENTS INTERVAL_MS SECONDS; MONITOR is the program, or the
// ADDRESS:PORT of one that runs (default fleet.hash_key, backends b0, b1, ...).
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <grpcpp/grpcpp.h>

#include "control/api/fairlead.grpc.pb.h"
#include "control/exchange/client.hh"
#include "dataplane/sys/system_clock.hh"

namespace {

using namespace fairlead;
using Clock = std::chrono::steady_clock;

std::string at = "127.0.0.1:19300";
constexpr std::array<std::uint64_t, 2> kKey = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

std::string backend(int i) {
  return "b" + std::to_string(i);
}

std::string write_config(int backends) {
  const std::string path = "/tmp/fairlead-monitor-load." + std::to_string(::getpid()) + ".yaml";
  std::ofstream out(path);
  out << "node: {id: n, address: 192.0.2.11}\nvips:\n  - {name: web, address: 203.0.113.10, port: "
         "80, backends: [\n";
  for (int i = 0; i < backends; ++i) {
    out << "    {id: " << backend(i) << ", address: 10.0." << i / 250 << "." << 1 + i % 250
        << "},\n";
  }
  out << "  ]}\n";
  return path;
}

pid_t start_monitor(const char* program, const std::string& config) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::execl(program, program, "--config", config.c_str(), "--listen", at.c_str(), nullptr);
  ::_exit(127);
}

/// Seconds of CPU that a process has used.
double cpu_seconds(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(in, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Node {
  explicit Node(int number, int backends, base::Nanoseconds interval)
      : workers(std::make_unique<fl_workers>()), scores(std::make_unique<fl_scores>()) {
    workers->worker_count = 1;
    auto started = exchange::Client::start(
        {.monitors = {at},
         .node = "lb" + std::to_string(number),
         .fleet_key = kKey,
         .interval = interval},
        *workers,
        *scores
    );
    if (!started) std::exit(1);
    client = std::move(*started);
    std::vector<exchange::Client::Place> places;
    for (int i = 0; i < backends; ++i) {
      workers->worker[0].backends[i].in_flight = static_cast<std::uint32_t>(i % 50);
      places.push_back({backend(i), static_cast<std::uint32_t>(i)});
    }
    client->set_backends(std::move(places));
  }
  std::unique_ptr<fl_workers> workers;
  std::unique_ptr<fl_scores> scores;
  std::unique_ptr<exchange::Client> client;
};

/// One stream on a connection of its own; writes when told, unless the last write still waits.
class Agent final : public grpc::ClientWriteReactor<v1::LoadReport> {
 public:
  explicit Agent(int number) {
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::Monitoring::NewStub(
        grpc::CreateCustomChannel(at, grpc::InsecureChannelCredentials(), own)
    );
    report_.set_backend_id(backend(number));
    report_.set_period_us(100'000);
    report_.set_cpu_utilization(0.5);
    report_.set_rps_fractional(100);
    report_.set_mean_latency_us(20'000);
    report_.set_active_connections(7);
    context_.set_wait_for_ready(true);
    stub_->async()->Report(&context_, &reply_, this);
    AddHold();
    StartCall();
  }
  bool tell(std::uint64_t wall_us) {
    if (busy_.exchange(true)) return false;
    report_.set_sequence(report_.sequence() + 1);
    report_.set_timestamp_unix_us(wall_us);
    report_.set_completed(report_.completed() + 10);
    StartWrite(&report_);
    return true;
  }
  void OnWriteDone(bool) override { busy_ = false; }

 private:
  std::unique_ptr<v1::Monitoring::Stub> stub_;
  grpc::ClientContext context_;
  v1::LoadReport report_;
  v1::ReportReply reply_;
  std::atomic<bool> busy_{false};
};

/// A tenth of the agents every 10 ms. Returns the reports that were sent.
std::uint64_t report_until(std::vector<std::unique_ptr<Agent>>& agents, Clock::time_point end) {
  std::uint64_t sent = 0;
  auto next = Clock::now();
  for (std::size_t turn = 0; Clock::now() < end; ++turn) {
    for (std::size_t i = turn % 10; i < agents.size(); i += 10)
      sent += agents[i]->tell(sys::wall_us()) ? 1 : 0;
    next += std::chrono::milliseconds(10);
    std::this_thread::sleep_until(next);
  }
  return sent;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fputs("usage: monitor_load MONITOR NODES BACKENDS AGENTS INTERVAL_MS SECONDS\n", stderr);
    return 2;
  }
  const int backends = std::atoi(argv[3]);
  const auto interval =
      static_cast<base::Nanoseconds>(std::atof(argv[5]) * static_cast<double>(base::kMillisecond));
  const std::chrono::seconds seconds(std::atoi(argv[6]));
  const std::string config = write_config(backends);
  const std::string which = argv[1];
  const bool runs = which.find('/') == std::string::npos && which.find(':') != std::string::npos;
  if (runs) at = which;
  const pid_t monitor = runs ? ::getpid() : start_monitor(argv[1], config);

  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < std::atoi(argv[2]); ++i)
    nodes.push_back(std::make_unique<Node>(i, backends, interval));
  std::vector<std::unique_ptr<Agent>> agents;
  for (int i = 0; i < std::atoi(argv[4]); ++i) agents.push_back(std::make_unique<Agent>(i));
  report_until(agents, Clock::now() + std::chrono::seconds(3));  // connections and lists are made

  const double cpu = cpu_seconds(monitor);
  const double own = cpu_seconds(::getpid());
  const std::uint64_t bytes = nodes.empty() ? 0 : nodes[0]->client->bytes_received();
  const auto begun = Clock::now();
  const std::uint64_t reports = report_until(agents, begun + seconds);
  const double took = std::chrono::duration<double>(Clock::now() - begun).count();
  std::printf(
      "%s_cpu=%.1f%% reports_per_second=%.0f",
      runs ? "own" : "monitor",
      100 * (cpu_seconds(monitor) - cpu) / took,
      static_cast<double>(reports) / took
  );
  if (!nodes.empty() && agents.empty()) {
    std::printf(
        " cpu_of_a_node=%.1f%%",
        100 * (cpu_seconds(::getpid()) - own) / took / static_cast<double>(nodes.size())
    );
  }
  if (!nodes.empty()) {
    const exchange::Mirror::State s = nodes[0]->client->state();
    std::printf(
        " bytes_per_second_into_node=%.0f loop_p50_us=%.0f loop_p99_us=%.0f answered=%.3f "
        "nodes_in_sum=%u",
        static_cast<double>(nodes[0]->client->bytes_received() - bytes) / took,
        static_cast<double>(s.loop_p50) / 1e3,
        static_cast<double>(s.loop_p99) / 1e3,
        static_cast<double>(s.answers) / static_cast<double>(s.rounds) /
            static_cast<double>(
                (static_cast<std::size_t>(backends) + exchange::kMostValues - 1) /
                exchange::kMostValues
            ),
        s.nodes
    );
  }
  std::puts("");
  if (!runs) {
    ::kill(monitor, SIGKILL);
    ::waitpid(monitor, nullptr, 0);
  }
  ::unlink(config.c_str());
  std::fflush(stdout);
  std::_Exit(0);  // a thousand streams end with us
}
