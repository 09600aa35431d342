// SPDX-License-Identifier: BSD-3-Clause
// What a daemon tells its operator: one event, one line, on stderr. Never from a worker: workers
// count.
#pragma once

#include <optional>
#include <source_location>
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

/// For lines of one module alone, whatever set_log_level() says before or after. A module is the
/// folder of the source file that logs: health, monitor, sys, ...; for files that lie in control/,
/// dataplane/ and ebpf/ themselves: control, dataplane, ebpf.
void set_module_level(std::string_view module, LogLevel level);
/// "../control/health/prober.cc": health.
std::string_view module_of(std::string_view source_file);

using Where = std::source_location;

/// Any thread. Line breaks in `text` become blanks, so that one event stays one line. Facts go to a
/// `key=value` tail: "backend down vip=web backend=b7 reason=timeout". `where`: leave it out.
void log(LogLevel level, std::string_view text, const Where& where = Where::current());
inline void log_error(std::string_view text, const Where& where = Where::current()) {
  log(LogLevel::kError, text, where);
}
inline void log_warn(std::string_view text, const Where& where = Where::current()) {
  log(LogLevel::kWarn, text, where);
}
inline void log_info(std::string_view text, const Where& where = Where::current()) {
  log(LogLevel::kInfo, text, where);
}
inline void log_debug(std::string_view text, const Where& where = Where::current()) {
  log(LogLevel::kDebug, text, where);
}

}  // namespace fairlead::sys
