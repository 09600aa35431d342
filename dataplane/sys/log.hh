// SPDX-License-Identifier: BSD-3-Clause
// What a daemon tells its operator: one event, one line, on stderr. Never from a worker: workers
// count.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fairlead::sys {

/// error: somebody must act; warn: degraded; info: state changed; debug: for us.
enum class LogLevel { kError, kWarn, kInfo, kDebug };

/// Sets the process's name in every line. Before threads start; without it lines have no name.
void start_log(std::string_view process, LogLevel level);
void set_log_level(LogLevel level);
/// Of "error", "warn", "info", "debug".
std::optional<LogLevel> log_level_named(std::string_view name);

/// Any thread. Line breaks in `text` become blanks, so that one event stays one line. Facts go to a
/// `key=value` tail: "backend down vip=web backend=b7 reason=timeout".
void log(LogLevel level, std::string_view text);
inline void log_error(std::string_view text) {
  log(LogLevel::kError, text);
}
inline void log_warn(std::string_view text) {
  log(LogLevel::kWarn, text);
}
inline void log_info(std::string_view text) {
  log(LogLevel::kInfo, text);
}
inline void log_debug(std::string_view text) {
  log(LogLevel::kDebug, text);
}

}  // namespace fairlead::sys
