// SPDX-License-Identifier: BSD-3-Clause
// Parses load texts of the kernel and of services.
#include "ebpf/agent_load.hh"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

namespace fairlead::agent {
namespace {

using nlohmann::json;

constexpr double kMostUtilization = 1000;
constexpr double kMostRate = 1e12;

/// The next word of `text`, separated by blanks; removes it.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(" \t\n"));
  text.remove_prefix(word.size());
  return word;
}

std::optional<std::uint64_t> take_whole(std::string_view& text) {
  const std::string_view word = take_word(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

/// What follows `key` on the line that begins with it.
std::optional<std::string_view> after(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    if (text.starts_with(key)) return text.substr(key.size());
    const auto newline = text.find('\n');
    if (newline == std::string_view::npos) break;
    text.remove_prefix(newline + 1);
  }
  return std::nullopt;
}

std::string refusal(const char* key, const char* why) {
  return "load report: '" + std::string(key) + "' " + why;
}

base::Result<void> read(
    const json& object, const char* key, double most, std::optional<double>& to
) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_number()) return base::invalid(refusal(key, "is not a number"));
  const double value = found->get<double>();
  if (!std::isfinite(value) || value < 0)
    return base::invalid(refusal(key, "is negative or not finite"));
  if (value > most) return base::invalid(refusal(key, "is absurdly large"));
  to = value;
  return {};
}

template <typename Whole>
base::Result<void> read_whole(
    const json& object, const char* key, double most, std::optional<Whole>& to
) {
  std::optional<double> value;
  FL_TRY(read(object, key, most, value));
  if (value) to = static_cast<Whole>(std::llround(*value));
  return {};
}

}  // namespace

Load merged(const Load& first, const Load& second) {
  const auto pick = [](const auto& a, const auto& b) { return a ? a : b; };
  return Load{
      .cpu_utilization = pick(first.cpu_utilization, second.cpu_utilization),
      .mem_utilization = pick(first.mem_utilization, second.mem_utilization),
      .application_utilization =
          pick(first.application_utilization, second.application_utilization),
      .rps_fractional = pick(first.rps_fractional, second.rps_fractional),
      .eps = pick(first.eps, second.eps),
      .mean_latency_us = pick(first.mean_latency_us, second.mean_latency_us),
      .active_connections = pick(first.active_connections, second.active_connections),
      .capacity = pick(first.capacity, second.capacity),
      .completed = pick(first.completed, second.completed),
  };
}

base::Result<Load> parse_load_json(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return base::invalid("load report: not a JSON object");
  Load load;
  FL_TRY(read(object, "cpu_utilization", kMostUtilization, load.cpu_utilization));
  FL_TRY(read(object, "mem_utilization", 1.0, load.mem_utilization));
  FL_TRY(read(object, "application_utilization", kMostUtilization, load.application_utilization));
  FL_TRY(read(object, "rps_fractional", kMostRate, load.rps_fractional));
  FL_TRY(read(object, "eps", kMostRate, load.eps));
  FL_TRY(read(object, "mean_latency_us", kMostRate, load.mean_latency_us));
  FL_TRY(read_whole(object, "active_connections", 4e9, load.active_connections));
  FL_TRY(read_whole(object, "capacity", 1e9, load.capacity));
  FL_TRY(read_whole(object, "completed", 1e18, load.completed));
  return load;
}

std::optional<CpuTicks> parse_proc_stat(std::string_view text) {
  if (!text.starts_with("cpu ")) return std::nullopt;
  text.remove_prefix(4);
  // user nice system idle iowait irq softirq steal; guest times are in user already.
  std::array<std::uint64_t, 8> t{};
  for (auto& value : t) {
    const auto ticks = take_whole(text);
    if (!ticks) return std::nullopt;
    value = *ticks;
  }
  CpuTicks ticks;
  for (const auto value : t) ticks.total += value;
  ticks.busy = t[0] + t[1] + t[2] + t[5] + t[6];
  return ticks;
}

std::optional<double> cpu_share(const CpuTicks& before, const CpuTicks& now) {
  if (now.total <= before.total || now.busy < before.busy) return std::nullopt;
  return static_cast<double>(now.busy - before.busy) /
         static_cast<double>(now.total - before.total);
}

std::optional<std::uint64_t> parse_cgroup_usage(std::string_view text) {
  auto rest = after(text, "usage_usec ");
  return rest ? take_whole(*rest) : std::nullopt;
}

std::optional<double> parse_cgroup_cores(std::string_view text) {
  const auto quota = take_whole(text);  // "max": no limit
  const auto period = take_whole(text);
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> parse_meminfo(std::string_view text) {
  auto total_text = after(text, "MemTotal:");
  auto available_text = after(text, "MemAvailable:");
  if (!total_text || !available_text) return std::nullopt;
  const auto total = take_whole(*total_text);
  const auto available = take_whole(*available_text);
  if (!total || !available || *total == 0 || *available > *total) return std::nullopt;
  return 1.0 - static_cast<double>(*available) / static_cast<double>(*total);
}

}  // namespace fairlead::agent
