// SPDX-License-Identifier: BSD-3-Clause
// One target of monitor/sources.hh: asks, reads, makes reports. The loop's thread only, but for
// what gRPC calls.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>

#include <curl/curl.h>

#include "control/monitor/sources.hh"

namespace fairlead::monitor {

class Asker {
 public:
  virtual ~Asker() = default;
  /// An interval began. What is still on its way is given up.
  virtual void ask(base::Nanoseconds now) = 0;
  /// What poll should watch; fd -1: nothing.
  [[nodiscard]] virtual pollfd watched() const { return {-1, 0, 0}; }
  virtual void on_event(base::Nanoseconds) {}
  /// A transfer of libcurl has ended.
  virtual void on_transfer(CURLcode) {}
};

/// Numbers the reports of one backend from one source, and fills in what they have in common.
class Reporter {
 public:
  Reporter(Sink& sink, std::string backend, Origin origin)
      : sink_(sink), backend_(std::move(backend)), origin_(origin) {}
  void report(LoadReport report);
  void malformed() { sink_.on_malformed(); }
  /// Drains it, or takes that back, where this is news. The first word always is: what the backend
  /// said to whoever asked before (a control that was restarted, a target of before the reload) may
  /// still be in force.
  void serving(bool serving);

 private:
  Sink& sink_;
  std::string backend_;
  Origin origin_;
  std::uint64_t sequence_ = 0;
  std::optional<bool> serving_;  // as told last
};

std::unique_ptr<Asker> make_scraper(Sink& sink, const SourceTarget& target, CURLM* transfers);
std::unique_ptr<Asker> make_agent_checker(Sink& sink, const SourceTarget& target);
std::unique_ptr<Asker> make_orca_client(Sink& sink, const SourceTarget& target);

}  // namespace fairlead::monitor
