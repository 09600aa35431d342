// SPDX-License-Identifier: BSD-3-Clause
// What a daemon tells its operator: one event, one line, on stderr. Never from a worker: workers
// count.
#pragma once

#include <optional>
#include <source_location>
#include <string>
#include <string_view>

#include "dataplane/base/result.hh"

namespace fairlead::sys {

/// error: somebody must act; warn: degraded; info: state changed; debug: for us.
enum class LogLevel { kError, kWarn, kInfo, kDebug };

/// Sets the process's name in every line, and the level that "default" means. Before threads start;
/// without it lines have no name. A line: "2026-01-31T12:00:00.000 fairlead-control info health:
/// text", with the module before the colon.
void start_log(std::string_view process, LogLevel level);
void set_log_level(LogLevel level);
/// Of "error", "warn", "info", "debug".
std::optional<LogLevel> log_level_named(std::string_view name);

/// `set log` of both daemons: a level for all lines (`module` is ""), or for those of one module,
/// whatever is said of all before or after. Level "default": a module follows the others again; for
/// all, the level of the start, and no module has its own. Errors, kInvalidArgument: unknown words.
base::Result<bool> set_log(std::string_view level, std::string_view module);
/// The folder of the source file that logs (log_modules.hh): of "../control/health/prober.cc"
/// health.
std::string_view module_of(std::string_view source_file);

using Where = std::source_location;

/// Whether log() would write it: for lines that are costly to make.
bool would_log(LogLevel level, const Where& where = Where::current());

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
