// SPDX-License-Identifier: BSD-3-Clause
// Times as people type them.
#include <charconv>
#include <cmath>
#include <optional>

#include "control/cli/values.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

std::optional<double> decimal(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const bool octal = text.size() > 1 && text[0] == '0' && text[1] != '.';
  if (error != std::errc() || stop != end || text.empty() || octal) return std::nullopt;
  return value;
}

}  // namespace

base::Result<std::chrono::milliseconds> parse_interval(std::string_view text) {
  constexpr double kShortest = 100;
  constexpr double kLongest = 24.0 * 3600 * 1000;
  struct Unit {
    std::string_view suffix;
    double milliseconds;
  };
  constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"", 1e3}};
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    const auto value = decimal(text.substr(0, text.size() - unit.suffix.size()));
    if (!value || !std::isfinite(*value)) continue;
    const double milliseconds = *value * unit.milliseconds;
    if (milliseconds < kShortest || milliseconds > kLongest) break;
    return std::chrono::milliseconds(std::lround(milliseconds));
  }
  return base::invalid(
      "interval " + base::quoted(text) + ": write 500ms, 2s, 1m or 1h, from 100ms to 24h"
  );
}

}  // namespace fairlead::cli
