// SPDX-License-Identifier: BSD-3-Clause
// Quantities as operators write them, and the nearest word to a misspelt one. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/clock.hh"

namespace fairlead::config {

/// Decimal digits only: no sign, no blanks, no 0x.
std::optional<std::uint64_t> parse_whole(std::string_view text);
/// Finite decimal number: "0.85", "20000", "1e4".
std::optional<double> parse_real(std::string_view text);
/// Whole number and unit: "500ms", "1s", "20us", "5m", "1h"; the unit is required, but for 0.
std::optional<base::Nanoseconds> parse_duration(std::string_view text);
/// "16MiB", "64KiB", "1GiB", "4096" (bytes).
std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// "1M" = 1000000, "64k" = 64000, "250000".
std::optional<std::uint64_t> parse_count(std::string_view text);
/// 32 hexadecimal digits as two little-endian words, first byte first.
std::optional<std::array<std::uint64_t, 2>> parse_key128(std::string_view text);

/// Shortest form that parse_duration reads back: "500ms", "1s", "90s".
std::string format_duration(base::Nanoseconds ns);
/// Shortest form that parse_bytes reads back.
std::string format_bytes(std::uint64_t bytes);

/// A name of a backend, vip or node, as messages describe it.
inline constexpr std::string_view kNameForm = "1 to 64 letters, digits, '.', '_', ':' or '-'";
bool is_name(std::string_view text);

/// The word with the least edit distance (insertions, deletions, substitutions, swaps of
/// neighbours), if that is small enough to be a slip: at most 1 + length / 3.
std::optional<std::string_view> nearest(
    std::string_view word, std::span<const std::string_view> known
);

}  // namespace fairlead::config
