// SPDX-License-Identifier: BSD-3-Clause
// Edits with a commit behind each.
#include "control/cli/autocommit.hh"

#include "control/cli/client.hh"
#include "control/cli/pages.hh"

namespace fairlead::cli {

bool Autocommit::covers(const Call& call) const {
  return on_ && (call.pattern->method == "config edit" || call.pattern->method == "config load");
}

base::Result<std::string> Autocommit::begin(const Place& place, std::chrono::milliseconds timeout) {
  FL_ASSIGN(
      const Json history, ask(place.control_socket, "show config history", Json::object(), timeout)
  );
  const std::string pending = part(history, "pending_digest", Json("none")).get<std::string>();
  const auto ours = unfinished_.find(place.control_socket);
  if (pending != "none" && (ours == unfinished_.end() || ours->second != pending)) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "autocommit: something is pending that this session did not stage, config commit or config "
        "discard it first"
    );
  }
  return pending;
}

base::Result<Json> Autocommit::finish(
    const Place& place, const Json& edited, std::chrono::milliseconds timeout
) {
  const std::string pending = part(edited, "pending_digest", Json("none")).get<std::string>();
  unfinished_[place.control_socket] = pending;
  if (edited.is_object() && edited.contains("incomplete")) return edited;
  auto committed =
      ask(place.control_socket,
          "config commit",
          Json{{"note", "autocommit"}, {"pending_digest", pending}},
          timeout);
  if (!committed) return base::annotate("the change stays pending", committed.error());
  unfinished_.erase(place.control_socket);
  return committed;
}

}  // namespace fairlead::cli
