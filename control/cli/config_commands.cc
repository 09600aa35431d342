// SPDX-License-Identifier: BSD-3-Clause
// Files and values of `config ...`.
#include "control/cli/config_commands.hh"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "control/cli/client.hh"
#include "control/config/config.hh"
#include "control/config/schema.hh"
#include "dataplane/sys/input_file.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::cli {
namespace {

constexpr std::size_t kMostBytes = 12U << 20;  // a line of the socket holds 16 MiB, with escapes
constexpr std::size_t kLongestNote = 128;

base::Result<void> store_configuration(std::string_view text, Json& arguments) {
  if (text.empty()) return base::invalid("file '': name a configuration, as in fairlead.yaml");
  arguments["configuration"] = text;
  return {};
}

base::Result<void> store_trial(std::string_view text, Json& arguments) {
  const auto time = parse_interval(text);
  if (!time || *time < std::chrono::seconds(1)) {
    return base::invalid(
        "time '" + std::string(text.substr(0, 60)) + "': write 60s, 10m or 1h, from 1s to 24h"
    );
  }
  arguments["confirm_ms"] = time->count();
  return {};
}

base::Result<void> store_revision(std::string_view text, Json& arguments) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    return base::invalid(
        "revision '" + std::string(text.substr(0, 60)) +
        "': must be a number as in show config history"
    );
  }
  arguments["revision"] = number;
  return {};
}

base::Result<void> store_note(std::string_view text, Json& arguments) {
  if (text.empty() || text.size() > kLongestNote)
    return base::invalid("note: must have 1 to 128 characters, in quotes");
  arguments["note"] = text;
  return {};
}

constexpr ValueKind kKinds[] = {
    {"CONFIGURATION",
     "a configuration file, see docs/configuration.md",
     "fairlead.yaml",
     NameSource::kFiles,
     nullptr,
     store_configuration},
    {"TIME", "1s to 24h; a bare number is seconds", "60s", NameSource::kNone, nullptr, store_trial},
    {"REVISION",
     "a number as in show config history",
     "3",
     NameSource::kNone,
     nullptr,
     store_revision},
    {"NOTE",
     "1 to 128 characters, in quotes",
     "'kernel update'",
     NameSource::kNone,
     nullptr,
     store_note},
};

/// A file for the agent gets the word that helps, not the error of its first key.
base::Result<config::Config> load(const std::string& path) {
  auto config = config::load_config(path);
  if (config) return config;
  const auto text = sys::read_input(path, kMostBytes, "a YAML file");
  const bool agents = text && ("\n" + *text).find("\nbackend:") != std::string::npos &&
                      ("\n" + *text).find("\nnode:") == std::string::npos;
  if (!agents) return config;
  return base::invalid(
      path +
      ": is a configuration of fairlead-agent, check it with fairlead-agent --check --config " +
      path
  );
}

base::Result<Answered> check(const Call& call) {
  const auto path = call.arguments.value("configuration", std::string());
  FL_ASSIGN(const config::Config config, load(path));
  std::size_t backends = 0;
  for (const model::Vip& vip : config.vips) backends += vip.backends.size();
  const std::size_t warnings = config.warnings.size();
  Answered out;
  out.json = {
      {"file", path},
      {"vips", config.vips.size()},
      {"members", backends},
      {"warnings", config.warnings}};
  for (const std::string& warning : config.warnings)
    out.page.blocks.emplace_back("warning: " + warning);
  out.page.blocks.emplace_back(
      "OK " + path + ": " + std::to_string(config.vips.size()) + " vips, " +
      std::to_string(backends) + " backends in pools, " + std::to_string(warnings) +
      (warnings == 1 ? " warning" : " warnings")
  );
  return out;
}

}  // namespace

std::span<const ValueKind> config_kinds() {
  return kKinds;
}

bool is_offline(const Call& call) {
  return call.is("config check") || call.is("config schema");
}

base::Result<Answered> answer_offline(const Call& call) {
  if (call.is("config check")) return check(call);
  Answered out;
  const std::string schema = config::json_schema();
  out.json = Json::parse(schema, nullptr, false);
  out.page.blocks.emplace_back(schema.substr(0, schema.size() - 1));
  return out;
}

base::Result<LocalAnswer> save_config(
    const Call& call, const Place& place, std::chrono::milliseconds timeout
) {
  const auto path = call.arguments.value("file", std::string());
  FL_ASSIGN(Json shown, ask(place.control_socket, "show config", Json::object(), timeout));
  const std::string text = shown.value("text", std::string());
  const std::string beside = path + ".new";
  const auto failed = [](const std::string& what) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        what + ": " + std::system_category().message(errno) + ", name another file"
    );
  };
  // Never into what lies there: in /tmp it may be another user's, or a link, and this is a secret.
  ::unlink(beside.c_str());
  const sys::UniqueFd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return failed("cannot write " + beside);
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(fd.get(), text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed("cannot write " + beside);
    at += static_cast<std::size_t>(written);
  }
  if (::fsync(fd.get()) != 0 || ::rename(beside.c_str(), path.c_str()) != 0)
    return failed("cannot write " + path);
  const std::string revision = shown.contains("revision") ? shown["revision"].dump() : "-";
  shown.erase("text");
  shown["saved"] = path;
  const std::string line = "OK revision " + revision + " is in " + path + ", with the hash key";
  return LocalAnswer{std::move(shown), {{line}}};
}

base::Result<Json> config_arguments(const Call& call) {
  if (!call.is("config load")) return call.arguments;
  const auto path = call.arguments.value("configuration", std::string());
  FL_ASSIGN(const std::string text, sys::read_input(path, kMostBytes, "a YAML file"));
  // Checked here too: errors then name the path as it was typed.
  FL_TRY(config::parse_config(text, path));
  const auto slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return Json{{"text", text}, {"name", name.substr(0, 128)}};
}

}  // namespace fairlead::cli
