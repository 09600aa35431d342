// SPDX-License-Identifier: BSD-3-Clause
// The commands of captures and traces.
#include <algorithm>
#include <string>

#include "dataplane/base/printable.hh"
#include "dataplane/forward.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

using nlohmann::json;

constexpr std::uint64_t kUsualPackets = 1000;
constexpr std::uint64_t kMostPackets = 1'000'000;
constexpr std::uint64_t kMostTraced = 1000;  // they are kept in memory

base::Result<std::uint64_t> number_of(
    const json& arguments, const char* key, std::uint64_t usual, std::uint64_t most
) {
  const auto number = arguments.value(key, usual);
  if (number == 0 || number > most) {
    return base::invalid(
        "'" + std::string(key) + "': " + std::to_string(number) + " is not 1 to " +
        std::to_string(most)
    );
  }
  return number;
}

base::Result<unsigned> seen_of(const std::string& what) {
  if (what.empty()) return unsigned{kSeenRx | kSeenTx | kSeenDrop};
  if (what == "rx") return unsigned{kSeenRx};
  if (what == "tx") return unsigned{kSeenTx};
  if (what == "drop") return unsigned{kSeenDrop};
  return base::invalid("'what': " + base::quoted(what) + " is none of rx, tx, drop");
}

/// Devices by port number.
std::vector<std::string> port_names(const Forwarder& f) {
  std::vector<std::string> names;
  for (const auto& station : f.stations) {
    if (names.size() <= station->number) names.resize(station->number + 1, "removed");
    names[station->number] = station->port.device();
  }
  return names;
}

}  // namespace

base::Result<json> start_capture(Forwarder& f, const json& arguments) {
  Capture::Wanted wanted;
  wanted.file = arguments["file"].get<std::string>();
  if (wanted.file.empty() || wanted.file[0] != '/')
    return base::invalid("'file': " + base::quoted(wanted.file) + " must begin with /");
  wanted.filter = arguments.value("match", "");
  FL_ASSIGN(wanted.seen, seen_of(arguments.value("what", "")));
  FL_ASSIGN(wanted.limit, number_of(arguments, "limit", kUsualPackets, kMostPackets));
  FL_TRY(f.capture.start(wanted, port_names(f)));
  sys::log_info(
      "capture begins by command file=" + wanted.file + " limit=" + std::to_string(wanted.limit)
  );
  return f.capture.show();
}

base::Result<json> start_trace(Forwarder& f, const json& arguments) {
  Capture::Wanted wanted;
  wanted.filter = arguments.value("match", "");
  wanted.seen = kSeenPath;
  FL_ASSIGN(wanted.limit, number_of(arguments, "count", 1, kMostTraced));
  FL_TRY(f.capture.start(wanted, {}));
  return f.capture.show();
}

base::Result<json> stop_capture(Forwarder& f, const json&) {
  return f.capture.stop(*f.crew, f.table.names(), sys::monotonic_ns());
}

base::Result<json> show_capture(Forwarder& f, const json&) {
  return f.capture.show();
}

}  // namespace fairlead::dataplane
