// SPDX-License-Identifier: BSD-3-Clause
// The agent's parts put together: decapsulation, measuring, reporting, leaving.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ebpf/agent_config.hh"
#include "ebpf/agent_measure.hh"
#include "ebpf/agent_reporter.hh"
#include "ebpf/decap_loader.hh"

namespace fairlead::agent {

/// Main thread only.
class Agent {
 public:
  /// Attaches the decapsulator (unless the configuration names no nodes) and starts the reporters.
  static base::Result<std::unique_ptr<Agent>> start(AgentConfig config);

  /// Measures and hands the report to every reporter.
  void report();

  /// One Leave to every receiver at once. Returns the flows that are left: those that nodes hold
  /// or, where larger, the connections that the kernel has open. Receivers that do not answer
  /// within 500 ms count as none.
  std::uint64_t leave();

  /// Ends decapsulation.
  base::Result<void> detach();

  /// Answers of the command socket: show status, show counters, show memory.
  [[nodiscard]] base::Result<nlohmann::json> answer(
      const std::string& command, const nlohmann::json& arguments
  ) const;

  [[nodiscard]] const AgentConfig& config() const { return config_; }

 private:
  explicit Agent(AgentConfig config);

  [[nodiscard]] nlohmann::json status() const;
  [[nodiscard]] base::Result<nlohmann::json> counters() const;
  void add_rate(Load& load, base::Nanoseconds now);
  void add_counters(v1::LoadReport& report, base::Nanoseconds now);

  AgentConfig config_;
  base::Nanoseconds started_;
  std::optional<ebpf::Decap> decap_;
  KernelLoad kernel_;
  std::unique_ptr<UrlLoad> url_;
  std::vector<std::unique_ptr<Reporter>> reporters_;
  v1::LoadReport last_;
  base::Nanoseconds measured_at_ = 0;
  base::Nanoseconds counted_at_ = 0;  // the program's counters went into a report
  std::optional<std::uint64_t> completed_;
  bool leaving_ = false;
};

}  // namespace fairlead::agent
