// SPDX-License-Identifier: BSD-3-Clause
// The monitoring service: start in order, publish at intervals, end.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "control/central/base_keeper.hh"
#include "control/central/fleet_policy.hh"
#include "control/central/leadership.hh"
#include "control/central/metrics.hh"
#include "control/central/options.hh"
#include "control/config/config.hh"
#include "control/exchange/server.hh"
#include "control/fleet/store.hh"
#include "control/monitor/intake.hh"
#include "control/monitor/service.hh"
#include "control/monitor/watch_service.hh"
#include "control/monitor/windows.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::central {

/// gRPC's threads bring reports, the exchange has its own; the main thread publishes.
class Monitor final : private monitor::Sink {
 public:
  explicit Monitor(Options options) : options_(std::move(options)) {}
  ~Monitor() override;

  base::Result<bool> start(const config::Config& config);
  /// Until SIGTERM or SIGINT; the signals are blocked already (block_signals()).
  void run();

 private:
  base::Result<config::Config> with_fleet(config::Config from_file);
  void take_config(config::Config config);
  bool take_shared();
  base::Result<bool> open_fleet(const config::Config& config);
  void lead(const Leadership::View& lead);
  void weigh(v1::MonitoringUpdate& update, const FleetPolicy::Reports& reports);
  void wake();
  void reload();
  void publish();
  void log_figures();
  void fill(control::MetricsPage& page);  // monitor_figures.cc
  bool wait(base::Nanoseconds until);
  bool take_signals();

  monitor::Refusal on_report(const monitor::LoadReport& report) override;
  void on_malformed() override;
  std::optional<std::uint64_t> on_leave(const std::string& id, const std::string& reason) override;

  Options options_;
  std::mutex mutex_;
  monitor::Intake intake_;  // guarded by mutex_, and the next two
  std::vector<std::string> backends_;
  monitor::Windows windows_;
  base::Nanoseconds interval_ = base::kSecond;
  config::Config config_;  // from here on to signals_: the main thread's
  FleetPolicy policy_;
  BaseKeeper bases_;
  control::OperatorState operators_;
  std::uint64_t store_turn_ = 0;
  fleet::Values shared_;  // as operators_ and config_ have it
  std::uint64_t sequence_ = 0;
  std::uint64_t accepted_ = 0;  // at the last line of the log
  base::Nanoseconds logged_ = 0;
  sys::UniqueFd signals_;
  sys::UniqueFd wake_;  // the lead or the store changed
  std::atomic<bool> lead_changed_{false};
  std::unique_ptr<fleet::Store> store_;  // null, and the next: without etcd
  std::unique_ptr<Leadership> leadership_;
  std::unique_ptr<exchange::Server> exchange_;  // these three end before what they call
  std::unique_ptr<monitor::WatchService> watch_;
  std::unique_ptr<monitor::Service> service_;
  std::atomic<std::uint64_t> generation_shown_{0};
  std::atomic<std::uint64_t> updates_shown_{0};
  std::unique_ptr<Metrics> metrics_;  // ends before what it looks at
};

void block_signals();

}  // namespace fairlead::central
