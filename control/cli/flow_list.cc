// SPDX-License-Identifier: BSD-3-Clause
// `show flow ...`: chunk by chunk where the list is long, and from a file where no daemon runs;
// `flush flow ... file`.
#include <algorithm>

#include "control/api/flow_file.hh"
#include "control/api/flow_flush.hh"
#include "control/cli/client.hh"
#include "control/cli/session.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::cli {
namespace {

constexpr std::size_t kDefaultLimit = 100;
constexpr std::size_t kMostPerAnswer = 1000;

}  // namespace

bool reads_file(const Call& call) {
  if (call.pattern == nullptr || !call.arguments.contains("file")) return false;
  return call.pattern->name.rfind("show flow", 0) == 0 || call.is("flush flow");
}

base::Result<Json> flush_file(const Call& call) {
  Json others = call.arguments;
  others.erase("file");
  catch_interrupts();  // Ctrl-C ends the flush, and it says how far it came
  const auto nap = [](base::Nanoseconds time) {
    return sleep_for(std::chrono::milliseconds(time / base::kMillisecond));
  };
  return api::flush_at_rest(
      call.arguments["file"].get<std::string>(), others, {sys::monotonic_ns, nap}
  );
}

base::Result<Json> Session::flows_once(
    const Place& place, const Call& call, const Json& arguments
) {
  if (!reads_file(call)) {
    auto result = ask(place.control_socket, call.pattern->name, arguments, settings_.timeout);
    if (!result) return tl::unexpected<base::Error>(with_suggestion(result.error(), call));
    return result;
  }
  Json others = arguments;
  others.erase("file");
  return api::answer_from_file(
      call.arguments["file"].get<std::string>(), call.pattern->name, others
  );
}

base::Result<Json> Session::ask_flows(const Place& place, const Call& call) {
  if (!call.is("show flow list")) return flows_once(place, call, call.arguments);
  const std::size_t wanted = call.arguments.value("limit", kDefaultLimit);
  Json arguments = call.arguments;
  Json all{{"flows", Json::array()}};
  for (;;) {
    arguments["limit"] = std::min(kMostPerAnswer, wanted - all["flows"].size());
    FL_ASSIGN(Json chunk, flows_once(place, call, arguments));
    const auto rows = chunk.find("flows");
    if (rows == chunk.end() || !rows->is_array())
      return base::fail(base::ErrorCode::kDataLoss, "the daemon's result has no list 'flows'");
    // A bucket is not cut: a chunk may be a few rows longer than was asked.
    const std::size_t taken = std::min(rows->size(), wanted - all["flows"].size());
    for (std::size_t i = 0; i < taken; ++i) all["flows"].push_back(std::move((*rows)[i]));
    const bool more = chunk.contains("next");
    if (all["flows"].size() >= wanted) {
      if (more || taken < rows->size()) all["next"] = chunk.value("next", Json(nullptr));
      return all;
    }
    if (!more) return all;
    arguments["cursor"] = chunk["next"];
  }
}

}  // namespace fairlead::cli
