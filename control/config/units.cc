// SPDX-License-Identifier: BSD-3-Clause
// Quantities and edit distance.
#include "control/config/units.hh"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

namespace fairlead::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 6> kTimes = {{
    {"h", 3600 * base::kSecond},
    {"m", 60 * base::kSecond},
    {"s", base::kSecond},
    {"ms", base::kMillisecond},
    {"us", base::kMicrosecond},
    {"ns", 1},
}};
constexpr std::array<Unit, 5> kSizes = {
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}, {"", 1}}};
constexpr std::array<Unit, 4> kCounts = {
    {{"G", 1'000'000'000}, {"M", 1'000'000}, {"k", 1000}, {"", 1}}};

std::optional<std::uint64_t> scaled(std::string_view text, std::span<const Unit> units) {
  const auto digits = text.find_first_not_of("0123456789");
  const auto number = parse_whole(text.substr(0, digits));
  if (!number) return std::nullopt;
  const auto suffix = digits == std::string_view::npos ? std::string_view{} : text.substr(digits);
  for (const Unit& unit : units) {
    if (unit.name != suffix) continue;
    if (*number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

std::string format(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value >= unit.factor && value % unit.factor == 0) {
      return std::to_string(value / unit.factor) + std::string(unit.name);
    }
  }
  return "0";
}

// Optimal string alignment: Levenshtein's table plus swaps of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::optional<std::uint64_t> parse_whole(std::string_view text) {
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<base::Nanoseconds> parse_duration(std::string_view text) {
  return text == "0" ? std::optional<base::Nanoseconds>(0) : scaled(text, kTimes);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  return scaled(text, kSizes);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  return scaled(text, kCounts);
}

std::optional<std::array<std::uint64_t, 2>> parse_key128(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  std::array<std::uint64_t, 2> key{};
  for (std::size_t i = 0; i < 16; ++i) {
    std::uint8_t byte = 0;
    const char* at = text.data() + i * 2;
    const auto [end, error] = std::from_chars(at, at + 2, byte, 16);
    if (error != std::errc{} || end != at + 2) return std::nullopt;
    key[i / 8] |= std::uint64_t{byte} << (8 * (i % 8));
  }
  return key;
}

std::string format_duration(base::Nanoseconds ns) {
  return format(ns, kTimes);
}

std::string format_bytes(std::uint64_t bytes) {
  return format(bytes, std::span(kSizes).first(4));
}

bool is_name(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  };
  // "." and ".." would be folders, "-x" an option.
  return !text.empty() && text.size() <= 64 && text[0] != '.' && text[0] != '-' &&
         std::all_of(text.begin(), text.end(), good);
}

std::optional<std::string_view> nearest(
    std::string_view word, std::span<const std::string_view> known
) {
  if (word.size() > 64) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_distance = 2 + word.size() / 3;
  for (const std::string_view candidate : known) {
    const std::size_t d = distance(word, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace fairlead::config
