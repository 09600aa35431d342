// SPDX-License-Identifier: BSD-3-Clause
// Intervals, and where the fleet's monitors are.
#include "control/config/load_monitoring.hh"

#include <algorithm>

#include "control/config/load_source.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

constexpr std::size_t kMostMonitors = 3;

std::vector<std::string> load_monitors(const Section& s) {
  std::vector<std::string> out;
  for (const Value& item : s.list("monitors")) {
    const bool good = item.kind == Value::Kind::kScalar && is_endpoint(item.text);
    if (!good) {
      s.error(
          "monitors",
          base::quoted(item.text) + " is not ADDRESS:PORT, use for example 192.0.2.21:9300"
      );
    } else if (std::find(out.begin(), out.end(), item.text) != out.end()) {
      s.error("monitors", base::quoted(item.text) + " is listed twice, remove one");
    }
    out.push_back(item.text);
  }
  if (out.size() > kMostMonitors) s.error("monitors", "lists more than 3, remove some");
  return out;
}

}  // namespace

Monitoring load_monitoring(const Section& root) {
  const Section s = root.section("monitoring", monitoring_keys());
  Monitoring m;
  m.interval = s.duration("interval", {10 * base::kMillisecond, 3600 * base::kSecond}, m.interval);
  m.listen = s.listen("listen", m.listen);
  m.monitors = load_monitors(s);
  m.exchange = s.duration("exchange", {base::kMillisecond, 100 * base::kMillisecond}, m.exchange);
  return m;
}

}  // namespace fairlead::config
