// SPDX-License-Identifier: BSD-3-Clause
// Formatting by snprintf: no locale changes it that Fairlead sets.
#include "control/cli/units.hh"

#include <cmath>
#include <cstdio>

namespace fairlead::cli {
namespace {

std::string with_digits(double value, int digits) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string scaled(double value, double step, const char* const* units, int count) {
  int unit = 0;
  while (unit + 1 < count && std::fabs(value) >= step) {
    value /= step;
    ++unit;
  }
  return with_digits(value, unit == 0 ? 0 : 1) + " " + units[unit];
}

}  // namespace

std::string format_count(std::int64_t value) {
  std::string digits = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string format_bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  return scaled(bytes, 1024, kUnits, 6);
}

std::string format_rate(double per_second, const char* unit) {
  const std::string u = unit;
  const std::string names[] = {u, "k" + u, "M" + u, "G" + u};
  const char* units[] = {names[0].c_str(), names[1].c_str(), names[2].c_str(), names[3].c_str()};
  return scaled(per_second, 1000, units, 4);
}

std::string format_percent(double fraction) {
  return with_digits(fraction * 100, 2) + " %";
}

std::string format_microseconds(double us) {
  if (us < 1000) return with_digits(us, us < 10 ? 1 : 0) + " us";
  if (us < 1e6) return with_digits(us / 1000, 2) + " ms";
  return with_digits(us / 1e6, 2) + " s";
}

std::string format_age(double seconds) {
  if (seconds < 1) return with_digits(seconds * 1000, 0) + " ms";
  if (seconds < 60) return with_digits(seconds, 1) + " s";
  if (!(seconds < 1e12)) return "ages";
  const auto whole = static_cast<std::int64_t>(seconds);
  const auto pair = [](std::int64_t a, const char* ua, std::int64_t b, const char* ub) {
    return std::to_string(a) + ua + " " + std::to_string(b) + ub;
  };
  if (whole < 3600) return pair(whole / 60, "m", whole % 60, "s");
  if (whole < 86400) return pair(whole / 3600, "h", whole % 3600 / 60, "m");
  return pair(whole / 86400, "d", whole % 86400 / 3600, "h");
}

std::string format_decimal(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace fairlead::cli
