// SPDX-License-Identifier: BSD-3-Clause
// The only file that knows spdlog.
#include "dataplane/sys/log.hh"

#include <memory>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "dataplane/base/printable.hh"

namespace fairlead::sys {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kDebug:
      return spdlog::level::debug;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger>& logger() {
  static auto instance = [] {
    auto made = std::make_shared<spdlog::logger>(
        "fairlead", std::make_shared<spdlog::sinks::stderr_sink_mt>()
    );
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return instance;
}

}  // namespace

void start_log(std::string_view process, LogLevel level) {
  logger()->set_pattern("%Y-%m-%dT%H:%M:%S.%e " + std::string(process) + " %l %v");
  set_log_level(level);
}

void set_log_level(LogLevel level) {
  logger()->set_level(level_of(level));
}

std::optional<LogLevel> log_level_named(std::string_view name) {
  constexpr std::pair<std::string_view, LogLevel> kNames[] = {
      {"error", LogLevel::kError},
      {"warn", LogLevel::kWarn},
      {"info", LogLevel::kInfo},
      {"debug", LogLevel::kDebug},
  };
  for (const auto& [known, level] : kNames) {
    if (known == name) return level;
  }
  return std::nullopt;
}

void log(LogLevel level, std::string_view text) {
  logger()->log(level_of(level), "{}", base::message(text));
}

}  // namespace fairlead::sys
