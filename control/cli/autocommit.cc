// SPDX-License-Identifier: BSD-3-Clause
// Edits with a commit behind each.
#include "control/cli/autocommit.hh"

#include "control/cli/client.hh"

namespace fairlead::cli {

bool Autocommit::covers(const Call& call) const {
  return on_ && (call.pattern->method == "config edit" || call.pattern->method == "config load");
}

base::Result<void> Autocommit::begin(const Place& place, std::chrono::milliseconds timeout) {
  FL_ASSIGN(
      const Json history, ask(place.control_socket, "show config history", Json::object(), timeout)
  );
  const auto pending = history.is_object() ? history.find("pending") : history.end();
  if (!history.is_object() || pending == history.end() || *pending != true) {
    unfinished_.erase(place.control_socket);
    return {};
  }
  if (unfinished_.count(place.control_socket) > 0) return {};
  return base::fail(
      base::ErrorCode::kFailedPrecondition,
      "autocommit: something is pending that this session did not stage, config commit or config "
      "discard it first"
  );
}

base::Result<Json> Autocommit::finish(
    const Place& place, const Json& edited, std::chrono::milliseconds timeout
) {
  unfinished_.insert(place.control_socket);
  if (edited.is_object() && edited.contains("incomplete")) return edited;
  auto committed =
      ask(place.control_socket, "config commit", Json{{"note", "autocommit"}}, timeout);
  if (!committed) return base::annotate("the change stays pending", committed.error());
  unfinished_.erase(place.control_socket);
  return committed;
}

}  // namespace fairlead::cli
