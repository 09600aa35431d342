// SPDX-License-Identifier: BSD-3-Clause
// Sources of load.
#include "control/config/load_source.hh"

#include <string>

#include "control/model/names.hh"

namespace fairlead::config {
namespace {

constexpr std::size_t kMostText = 256;

std::vector<std::string_view> keys() {
  return {"type", "port", "path", "interval", "names"};
}

std::string metric(const Section& s, std::string_view key, const std::string& fallback) {
  if (!s.has(key)) {
    s.shape(key, "");
    return fallback;
  }
  std::string name = s.text(key, "");
  if (name.size() > kMostText) s.error(key, "is too long, at most 256 characters");
  return name;
}

model::LoadSource read(const Section& s, const model::LoadSource& defaults) {
  constexpr Range kInterval{100 * base::kMillisecond, 3600 * base::kSecond};
  model::LoadSource out = defaults;
  out.kind = static_cast<model::LoadSourceKind>(
      s.word("type", model::kLoadSourceNames, static_cast<std::size_t>(defaults.kind))
  );
  out.port = static_cast<std::uint16_t>(s.whole("port", {1, 65535}, defaults.port));
  out.path = s.text("path", defaults.path);
  if (out.path.front() != '/' || out.path.size() > kMostText ||
      out.path.find_first_of(" \t\r\n") != std::string::npos)
    s.error("path", "must begin with '/', have no blanks and at most 256 characters");
  out.interval_ms = static_cast<std::uint32_t>(
      s.duration("interval", kInterval, defaults.interval_ms * base::kMillisecond) /
      base::kMillisecond
  );
  const Section names = s.section("names", {"requests", "errors", "active", "latency"});
  out.names.requests = metric(names, "requests", defaults.names.requests);
  out.names.errors = metric(names, "errors", defaults.names.errors);
  out.names.active = metric(names, "active", defaults.names.active);
  out.names.latency = metric(names, "latency", defaults.names.latency);
  return out;
}

}  // namespace

model::LoadSource load_default_source(const Section& root) {
  return read(
      root.section("monitoring", monitoring_keys()).section("source", keys()), model::LoadSource{}
  );
}

model::LoadSource load_source(const Section& backend, const model::LoadSource& defaults) {
  return read(backend.section("source", keys()), defaults);
}

}  // namespace fairlead::config
