// SPDX-License-Identifier: BSD-3-Clause
// The process: start in order, one event loop, end.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "control/api/dispatch.hh"
#include "control/api/grpc_server.hh"
#include "control/api/http_server.hh"
#include "control/api/socket_server.hh"
#include "control/change_control.hh"
#include "control/file_watch.hh"
#include "control/fleet_link.hh"
#include "control/gate_hops.hh"
#include "control/health/prober.hh"
#include "control/hold_actions.hh"
#include "control/inbox.hh"
#include "control/metrics.hh"
#include "control/monitor/service.hh"
#include "control/monitor/sources.hh"
#include "control/node.hh"
#include "control/options.hh"
#include "control/reconcile.hh"
#include "control/route_watch.hh"
#include "control/shared_state.hh"
#include "control/state_watch.hh"
#include "control/weight_actions.hh"
#include "dataplane/sys/unique_fd.hh"
#include "dataplane/sys/urgent.hh"

namespace fairlead::control {

/// The main thread turns the loop and alone changes the node; gRPC's and the exposer's threads
/// enter through on_report(), on_leave() and metrics, under the same lock. A turn takes well
/// below a millisecond, a plan of 1000 backends a few.
class Daemon final : public monitor::Sink {
 public:
  explicit Daemon(Options options) : options_(std::move(options)) {}
  ~Daemon() override;

  /// Opens everything; after an error nothing is left behind.
  base::Result<bool> start(config::Config config);
  /// Turns until SIGTERM or SIGINT.
  void run();

 private:
  base::Result<bool> open_node(config::Config config, base::Nanoseconds now);
  base::Result<bool> open_gate();
  base::Result<ebpf::Gate> attach_gate();
  base::Result<bool> open_services();
  base::Result<bool> open_api();
  base::Result<bool> open_loop();
  void watch(int fd);
  void on_signal();
  void turn();
  void follow(base::Nanoseconds now);
  void wake();
  /// The configuration in force: whom to probe, whom to ask for load.
  void set_targets();

  monitor::Refusal on_report(const monitor::LoadReport& report) override;
  void on_malformed() override;
  void on_return(const std::string& id) override;
  std::optional<std::uint64_t> on_leave(const std::string& id, const std::string& reason) override;

  Options options_;
  sys::UrgentMutex mutex_;  // protects node_ and reconciler_
  std::unique_ptr<Node> node_;
  std::unique_ptr<Reconciler> reconciler_;
  std::unique_ptr<ChangeControl> changes_;
  std::optional<FileWatch> file_watch_;
  GateHopsWatch gate_hops_;
  DrainWatch drains_;
  RampWatch ramps_;
  StateWatch state_watch_;
  SharedState shared_;
  RouteWatch route_watch_;
  health::Prober prober_;
  std::optional<api::SocketServer> socket_;
  Inbox inbox_;
  api::Dispatch dispatch_;
  std::unique_ptr<api::GrpcServer> grpc_;
  std::unique_ptr<api::HttpServer> http_;
  std::unique_ptr<FleetLink> fleet_;  // these three end before what they call
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<monitor::Service> service_;
  std::unique_ptr<monitor::Sources> sources_;
  sys::UniqueFd epoll_;
  sys::UniqueFd signals_;
  sys::UniqueFd timer_;
  sys::UniqueFd wake_;    // another thread changed something
  bool mounted_ = false;  // the file system of the gate's pins was mounted by this process
  bool ending_ = false;
};

/// Blocks the signals that run() reads; before any thread starts.
void block_signals();

}  // namespace fairlead::control
