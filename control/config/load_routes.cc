// SPDX-License-Identifier: BSD-3-Clause
// Whom to tell that this node takes traffic.
#include "control/config/load_routes.hh"

#include <algorithm>

namespace fairlead::config {

Routes load_routes(const Section& root) {
  const Section s = root.section("routes", {"bird", "protocol", "hook", "p99_limit"});
  Routes r;
  const auto path = [&](std::string_view key) {
    std::string text = s.text(key, "");
    if (text == "off") text.clear();
    if (!text.empty() && text.front() != '/')
      s.error(key, "must be a path that begins with '/', or off");
    return text;
  };
  r.bird = path("bird");
  r.hook = path("hook");
  r.protocol = s.text("protocol", r.protocol);
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '*' || c == '?';
  };
  if (r.protocol.empty() || !std::all_of(r.protocol.begin(), r.protocol.end(), plain))
    s.error("protocol", "must be a name of BIRD's protocols, '*' and '?' stand for others");
  if (s.has("p99_limit")) {
    r.p99_limit =
        s.duration("p99_limit", {10 * base::kMicrosecond, 10 * base::kSecond}, r.p99_limit);
  }
  return r;
}

}  // namespace fairlead::config
