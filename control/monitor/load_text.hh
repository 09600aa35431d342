// SPDX-License-Identifier: BSD-3-Clause
// Load as others write it down: HAProxy's agent-check line and Prometheus' text format. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "control/model/model.hh"
#include "control/monitor/intake.hh"
#include "dataplane/base/result.hh"

namespace fairlead::monitor {

/// What an agent-check line says ("up 75% maxconn:100"): HAProxy 2.6 configuration manual,
/// "agent-check".
struct AgentCheck {
  std::optional<double> share;            // of its weight that it can take, 0..
  std::optional<std::uint32_t> capacity;  // maxconn
  std::optional<bool> serving;            // up, ready; or down, failed, stopped, drain, maint
};
/// The first line of `text`; words between blanks, tabs and commas; `#` begins a remark. Errors: an
/// unknown word, a number out of range, nothing at all.
base::Result<AgentCheck> parse_agent_check(std::string_view text);

/// One sample of the text format 0.0.4; views into the text.
struct Sample {
  std::string_view name;
  std::string_view labels;  // between the braces, as written
  double value = 0;
};
/// The value of a label as written, without its quotes; "": absent.
std::string_view label(std::string_view labels, std::string_view name);
/// Errors: the first line that is none, by number.
base::Result<void> read_samples(
    std::string_view text, const std::function<void(const Sample&)>& take
);

/// Sums of one scrape. Node: as node_exporter names them; the service's: by configured names.
struct Scrape {
  double cpu_busy_s = 0;  // not idle, not iowait, not steal
  double cpu_s = 0;
  double memory_total = 0;
  double memory_available = 0;
  double requests = 0;
  double errors = 0;
  double latency_sum_s = 0;
  double latency_count = 0;
  std::optional<double> active;
};
base::Result<Scrape> read_scrape(std::string_view text, const model::ScrapeNames& names);

/// What happened between two scrapes; counters that fell began anew, and their values count from 0.
/// Sequence, time and backend are the caller's.
LoadReport between(const Scrape& before, const Scrape& now, base::Nanoseconds period);

}  // namespace fairlead::monitor
