// SPDX-License-Identifier: BSD-3-Clause
// Words and samples.
#include "control/monitor/load_text.hh"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "dataplane/base/printable.hh"

namespace fairlead::monitor {
namespace {

constexpr double kMostShare = 10;  // 1000 %
constexpr std::size_t kMostWord = 64;

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

base::Result<void> take_word(std::string_view word, AgentCheck& out) {
  static constexpr std::array<std::string_view, 2> kServing = {"up", "ready"};
  static constexpr std::array<std::string_view, 6> kNot = {
      "down", "failed", "fail", "stopped", "drain", "maint"};
  const auto is_of = [word](const auto& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  constexpr std::string_view kMost = "maxconn:";
  if (is_of(kServing) || is_of(kNot)) {
    out.serving = is_of(kServing);
  } else if (word.back() == '%') {
    const auto percent = number<double>(word.substr(0, word.size() - 1));
    if (!percent || !(*percent >= 0) || *percent > 100 * kMostShare)
      return base::invalid("agent-check: " + base::quoted(word) + " is not 0% to 1000%");
    out.share = *percent / 100;
  } else if (word.substr(0, kMost.size()) == kMost) {
    out.capacity = number<std::uint32_t>(word.substr(kMost.size()));
    if (!out.capacity)
      return base::invalid("agent-check: " + base::quoted(word) + " is no number of connections");
  } else {
    return base::invalid("agent-check: unknown word " + base::quoted(word.substr(0, kMostWord)));
  }
  return {};
}

bool is_name(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
         (!first && c >= '0' && c <= '9');
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view() : text.substr(first);
}

/// Position behind the closing brace; npos: there is none.
std::size_t end_of_labels(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == '}') {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

std::optional<Sample> sample_of(std::string_view line) {
  Sample out;
  std::size_t end = 0;
  while (end < line.size() && is_name(line[end], end == 0)) ++end;
  if (end == 0) return std::nullopt;
  out.name = line.substr(0, end);
  line = without_blanks(line.substr(end));
  if (!line.empty() && line[0] == '{') {
    const std::size_t behind = end_of_labels(line);
    if (behind == line.npos) return std::nullopt;
    out.labels = line.substr(1, behind - 2);
    line = without_blanks(line.substr(behind));
  }
  const auto blank = line.find_first_of(" \t");
  std::string_view value = line.substr(0, blank);
  if (!value.empty() && value[0] == '+') value.remove_prefix(1);
  const auto parsed = number<double>(value);  // takes NaN and Inf too
  if (!parsed) return std::nullopt;
  out.value = *parsed;
  const std::string_view stamp = blank == line.npos ? "" : without_blanks(line.substr(blank));
  if (!stamp.empty() && !number<std::int64_t>(stamp.substr(0, stamp.find_first_of(" \t"))))
    return std::nullopt;
  return out;
}

double risen(double before, double now) {
  return now >= before ? now - before : now;
}

}  // namespace

base::Result<AgentCheck> parse_agent_check(std::string_view text) {
  text = text.substr(0, text.find_first_of("\r\n"));
  text = text.substr(0, text.find('#'));
  AgentCheck out;
  bool any = false;
  while (true) {
    const auto first = text.find_first_not_of(" \t,");
    if (first == text.npos) break;
    text.remove_prefix(first);
    const auto end = std::min(text.find_first_of(" \t,"), text.size());
    FL_TRY(take_word(text.substr(0, end), out));
    text.remove_prefix(end);
    any = true;
  }
  if (!any) return base::invalid("agent-check: an empty line");
  return out;
}

std::string_view label(std::string_view labels, std::string_view name) {
  while (!labels.empty()) {
    labels = labels.substr(std::min(labels.find_first_not_of(" \t,"), labels.size()));
    const auto equals = labels.find("=\"");
    if (equals == labels.npos) return {};
    const std::string_view key = labels.substr(0, equals);
    std::size_t end = equals + 2;
    while (end < labels.size() && labels[end] != '"') end += labels[end] == '\\' ? 2 : 1;
    if (end >= labels.size()) return {};
    if (key == name) return labels.substr(equals + 2, end - equals - 2);
    labels.remove_prefix(end + 1);
  }
  return {};
}

base::Result<void> read_samples(
    std::string_view text, const std::function<void(const Sample&)>& take
) {
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = text.find('\n');
    std::string_view row = without_blanks(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    if (row.empty() || row[0] == '#') continue;
    const auto sample = sample_of(row);
    if (!sample)
      return base::invalid("line " + std::to_string(line) + " is no sample of Prometheus");
    take(*sample);
  }
  return {};
}

base::Result<Scrape> read_scrape(std::string_view text, const model::ScrapeNames& names) {
  Scrape out;
  const auto is = [](std::string_view name, const std::string& wanted) {
    return !wanted.empty() && name == wanted;
  };
  const auto latency = [&](std::string_view name, std::string_view ending) {
    return !names.latency.empty() && name.size() == names.latency.size() + ending.size() &&
           name.substr(0, names.latency.size()) == names.latency &&
           name.substr(names.latency.size()) == ending;
  };
  FL_TRY(read_samples(text, [&](const Sample& s) {
    if (s.name == "node_cpu_seconds_total") {
      const std::string_view mode = label(s.labels, "mode");
      out.cpu_s += s.value;
      if (mode != "idle" && mode != "iowait" && mode != "steal") out.cpu_busy_s += s.value;
    } else if (s.name == "node_memory_MemTotal_bytes") {
      out.memory_total = s.value;
    } else if (s.name == "node_memory_MemAvailable_bytes") {
      out.memory_available = s.value;
    } else if (names.active.empty() && s.name == "node_netstat_Tcp_CurrEstab") {
      out.active = s.value;
    }
    if (is(s.name, names.requests)) out.requests += s.value;
    if (is(s.name, names.errors)) out.errors += s.value;
    if (is(s.name, names.active)) out.active = out.active.value_or(0) + s.value;
    if (latency(s.name, "_sum")) out.latency_sum_s += s.value;
    if (latency(s.name, "_count")) out.latency_count += s.value;
  }));
  return out;
}

LoadReport between(const Scrape& before, const Scrape& now, base::Nanoseconds period) {
  LoadReport out;
  const double seconds = static_cast<double>(period) / 1e9;
  const double cpu = risen(before.cpu_s, now.cpu_s);
  if (cpu > 0) out.cpu = risen(before.cpu_busy_s, now.cpu_busy_s) / cpu;
  if (cpu <= 0) out.untold |= kCpuUntold;
  if (now.memory_total <= 0) out.untold |= kMemoryUntold;
  if (!now.active) out.untold |= kActiveUntold;
  if (now.memory_total > 0) out.memory = 1 - now.memory_available / now.memory_total;
  const double served = risen(before.latency_count, now.latency_count);
  if (served > 0) out.latency_us = risen(before.latency_sum_s, now.latency_sum_s) / served * 1e6;
  if (seconds > 0) {
    out.requests_per_second = risen(before.requests, now.requests) / seconds;
    out.errors_per_second = risen(before.errors, now.errors) / seconds;
  }
  out.active = now.active.value_or(0);
  out.completed =
      now.requests > 0 && now.requests < 1e18 ? static_cast<std::uint64_t>(now.requests) : 0;
  out.period_us = period / base::kMicrosecond;
  return out;
}

}  // namespace fairlead::monitor
