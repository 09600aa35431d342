// SPDX-License-Identifier: BSD-3-Clause
// The only file that knows spdlog.
#include "dataplane/sys/log.hh"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "dataplane/base/printable.hh"
#include "dataplane/sys/log_modules.hh"

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
    made->set_level(spdlog::level::debug);  // Levels decide
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return instance;
}

bool known_module(std::string_view name) {
  return std::find(kLogModules.begin(), kLogModules.end(), name) != kLogModules.end();
}

struct Levels {
  std::mutex mutex;
  LogLevel at_start = LogLevel::kInfo;
  LogLevel general = LogLevel::kInfo;
  std::map<std::string, LogLevel, std::less<>> modules;
};
Levels& levels() {
  static Levels all;
  return all;
}

}  // namespace

void start_log(std::string_view process, LogLevel level) {
  logger()->set_pattern("%Y-%m-%dT%H:%M:%S.%e " + std::string(process) + " %l %v");
  set_log_level(level);
  levels().at_start = level;
}

void set_log_level(LogLevel level) {
  const std::lock_guard lock(levels().mutex);
  levels().general = level;
}

base::Result<bool> set_log(std::string_view level, std::string_view module) {
  const std::optional<LogLevel> named = log_level_named(level);
  if (!named && level != "default") {
    return base::invalid(
        "level " + base::quoted(level) + " is none of error, warn, info, debug, default"
    );
  }
  if (!module.empty() && !known_module(module)) {
    std::string known;
    for (const std::string_view m : kLogModules)
      known += (known.empty() ? "" : ", ") + std::string(m);
    return base::invalid("no module " + base::quoted(module) + " logs anything; known: " + known);
  }
  Levels& all = levels();
  const std::lock_guard lock(all.mutex);
  if (module.empty()) {
    all.general = named.value_or(all.at_start);
    if (!named) all.modules.clear();
  } else if (named) {
    all.modules.insert_or_assign(std::string(module), *named);
  } else {
    all.modules.erase(std::string(module));
  }
  return true;
}

std::string_view module_of(std::string_view file) {
  std::string_view last = "other";
  std::size_t begin = 0;
  for (const std::string_view root : {"control/", "dataplane/", "ebpf/"}) {
    const auto at = file.rfind(root);
    if (at == file.npos || at < begin) continue;
    begin = at;
    const std::string_view rest = file.substr(at + root.size());
    const auto end = rest.find('/');
    last = end == rest.npos ? root.substr(0, root.size() - 1) : rest.substr(0, end);
  }
  return last;
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

bool would_log(LogLevel level, const Where& where) {
  Levels& all = levels();
  const std::lock_guard lock(all.mutex);
  const auto own = all.modules.find(module_of(where.file_name()));
  return level <= (own == all.modules.end() ? all.general : own->second);
}

void log(LogLevel level, std::string_view text, const Where& where) {
  if (!would_log(level, where)) return;
  logger()->log(level_of(level), "{}: {}", module_of(where.file_name()), base::message(text));
}

}  // namespace fairlead::sys
