// SPDX-License-Identifier: BSD-3-Clause
// Intervals, and where the fleet's monitors are.
#include "control/config/load_monitoring.hh"

#include <algorithm>
#include <utility>

#include "control/config/load_source.hh"
#include "control/config/yaml.hh"
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

MonitoringTls load_tls(const Section& s) {
  MonitoringTls tls;
  tls.certificate = s.file("certificate");
  tls.key = s.file("key");
  tls.ca = s.file("ca");
  const bool any = tls != MonitoringTls{};
  for (const auto& [key, path] :
       {std::pair{"certificate", &tls.certificate}, {"key", &tls.key}, {"ca", &tls.ca}})
    if (any && path->empty())
      s.error(key, "is missing: TLS is mutual, name certificate, key and ca, or none of them");
  return tls;
}

}  // namespace

Monitoring load_monitoring(const Section& root) {
  const Section s = root.section("monitoring", monitoring_keys());
  Monitoring m;
  m.interval = s.duration("interval", {10 * base::kMillisecond, 3600 * base::kSecond}, m.interval);
  m.listen = s.listen("listen", m.listen);
  m.monitors = load_monitors(s);
  m.exchange = s.duration("exchange", {base::kMillisecond, 100 * base::kMillisecond}, m.exchange);
  m.tls = load_tls(s);
  return m;
}

}  // namespace fairlead::config
