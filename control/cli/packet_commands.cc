// SPDX-License-Identifier: BSD-3-Clause
// Words of captures and traces, a trace from start to end, a table as a file.
#include "control/cli/packet_commands.hh"

#include <charconv>
#include <filesystem>
#include <system_error>

#include "control/cli/client.hh"
#include "control/cli/nearest.hh"
#include "control/cli/pages.hh"
#include "control/cli/session.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/base/scope_exit.hh"

namespace fairlead::cli {
namespace {

using F = Format;
using std::chrono::milliseconds;

constexpr milliseconds kTraceTime{10'000};
constexpr milliseconds kLook{50};

base::Result<void> store_count(
    const char* what, const char* key, std::uint64_t most, std::string_view text, Json& arguments
) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || number == 0 || number > most) {
    return base::invalid(
        std::string(what) + " " + base::quoted(text) + ": must be 1 to " + std::to_string(most)
    );
  }
  arguments[key] = number;
  return {};
}

base::Result<void> store_packets(std::string_view text, Json& arguments) {
  return store_count("limit", "limit", 1'000'000, text, arguments);
}

base::Result<void> store_traced(std::string_view text, Json& arguments) {
  return store_count("count", "count", 1000, text, arguments);
}

base::Result<void> store_place(std::string_view text, Json& arguments) {
  std::error_code error;
  const auto path = std::filesystem::absolute(std::string(text), error);
  if (text.empty() || error) return base::invalid("file " + base::quoted(text) + ": no file name");
  arguments["file"] = path.string();
  return {};
}

std::vector<std::string> whats() {
  return {"rx", "tx", "drop"};
}

base::Result<void> store_what(std::string_view text, Json& arguments) {
  for (const std::string& word : whats()) {
    if (word == text) {
      arguments["what"] = word;
      return {};
    }
  }
  return base::invalid(
      "what " + base::quoted(text) + ": must be rx, tx or drop" + did_you_mean(text, whats())
  );
}

base::Result<void> store_commands(std::string_view text, Json& arguments) {
  if (text.empty() || text == "-") return base::invalid("include: needs the name of a file");
  arguments["file"] = text;
  return {};
}

base::Result<void> store_field(std::string_view text, Json& arguments) {
  arguments["field"] = text;
  return {};
}

std::vector<std::string> operators() {
  return {"==", "!=", "<", "<=", ">", ">="};
}

base::Result<void> store_operator(std::string_view text, Json& arguments) {
  for (const std::string& known : operators()) {
    if (known != text) continue;
    arguments["operator"] = text;
    return {};
  }
  return base::invalid("operator " + base::quoted(text) + ": must be == != < <= > or >=");
}

base::Result<void> store_value(std::string_view text, Json& arguments) {
  arguments["value"] = text;
  return {};
}

base::Result<void> store_match(std::string_view text, Json& arguments) {
  arguments["match"] = text;
  return {};
}

constexpr ValueKind kKinds[] = {
    {"PLACE",
     "a file to be written",
     "/tmp/drops.pcapng",
     NameSource::kFiles,
     nullptr,
     store_place},
    {"WHAT", "rx, tx or drop; all three if left out", "drop", NameSource::kNone, whats, store_what},
    {"PACKETFILTER",
     "words that must all hold: tcp, udp, icmp, src, dst or host PREFIX, sport, dport or port N",
     "'tcp dst 203.0.113.10 dport 80'",
     NameSource::kNone,
     nullptr,
     store_match},
    {"PACKETS", "1 to 1000000 packets", "1000", NameSource::kNone, nullptr, store_packets},
    {"COMMANDS", "a file of commands", "evening.txt", NameSource::kFiles, nullptr, store_commands},
    {"FIELD",
     "names and list positions with dots in between, as | json shows them",
     "vips.0.healthy",
     NameSource::kNone,
     nullptr,
     store_field},
    {"OPERATOR", "== != < <= > or >=", ">=", NameSource::kNone, operators, store_operator},
    {"VALUE", "a number, true, false, or text", "1", NameSource::kNone, nullptr, store_value},
    {"TRACED", "1 to 1000 packets", "10", NameSource::kNone, nullptr, store_traced},
};

/// "slot 40113 b1 (active), slot 977 b2 (draining)".
std::string candidates_text(const Json& packet) {
  std::string text;
  for (const Json& c : rows(packet, "candidates")) {
    text += (text.empty() ? "" : ", ") + std::string("slot ") + cell(c, "slot", F::kNumber) + " " +
            cell(c, "backend", F::kText) + " (" + cell(c, "state", F::kText) + ")";
  }
  return text;
}

/// A packet's way as lines, one for each stage that had a say.
void add_way(const Json& packet, unsigned number, Page& page) {
  const auto text = [&](const char* key) { return cell(packet, key, F::kText); };
  const auto line = [&](const std::string& what) { page.blocks.emplace_back("   " + what); };
  page.blocks.emplace_back(
      std::to_string(number) + ". " +
      (packet.contains("flow") ? text("flow") : std::string("no flow")) + ", " +
      cell(packet, "bytes", F::kNumber) + " bytes, port " + cell(packet, "port", F::kNumber) +
      ", worker " + cell(packet, "worker", F::kNumber) + ", generation " +
      cell(packet, "generation", F::kNumber)
  );
  if (packet.contains("vip")) {
    line("classify: vip " + text("vip") + ", " + text("kind"));
    const bool known = part(packet, "known", Json(false)).get<bool>();
    line(known ? "flow_lookup: a known flow" : "flow_lookup: not known");
    const std::string candidates = candidates_text(packet);
    if (!candidates.empty()) line("select: " + candidates);
  }
  if (packet.contains("backend")) {
    line("backend: " + text("backend"));
    if (packet.contains("out_bytes")) {
      line(
          "encap: " + text("encapsulation") + ", " + cell(packet, "out_bytes", F::kNumber) +
          " bytes"
      );
    }
  }
  const std::string reason = part(packet, "reason", Json("")).get<std::string>();
  line("verdict: " + text("verdict") + (reason.empty() ? "" : ", " + reason));
}

Page trace_page(const Json& result) {
  Page page;
  const Json packets = rows(result, "packets");
  unsigned number = 0;
  for (const Json& packet : packets) add_way(packet, ++number, page);
  std::string end =
      std::to_string(packets.size()) + " of " + cell(result, "limit", F::kNumber) + " packets";
  if (cell(result, "skipped", F::kNumber) != "0")
    end += ", " + cell(result, "skipped", F::kNumber) + " not noted for want of room";
  page.blocks.emplace_back(std::move(end));
  return page;
}

}  // namespace

std::span<const ValueKind> packet_kinds() {
  return kKinds;
}

base::Result<LocalAnswer> trace_packets(
    const Call& call, const Place& place, milliseconds timeout
) {
  Json arguments = call.arguments;
  const milliseconds lasting(arguments.value("for_ms", kTraceTime.count()));
  arguments.erase("for_ms");
  const std::string& socket = place.dataplane_socket;
  FL_ASSIGN(Json result, ask(socket, "trace start", arguments, timeout));
  catch_interrupts();
  const auto end = std::chrono::steady_clock::now() + lasting;
  bool more = true;
  while (more && std::chrono::steady_clock::now() < end) {
    more = sleep_for(kLook);
    FL_ASSIGN(result, ask(socket, "show trace", Json::object(), timeout));
    more = more && part(result, "running", Json(false)).get<bool>();
  }
  if (part(result, "running", Json(false)).get<bool>()) {
    auto stopped = ask(socket, "trace stop", Json::object(), timeout);
    if (stopped) result = std::move(*stopped);
  }
  Page page = trace_page(result);
  return LocalAnswer{std::move(result), std::move(page)};
}

Page capture_page(const Json& result) {
  Page page;
  if (part(result, "file", Json("")).get<std::string>().empty()) {
    page.blocks.emplace_back(std::string("no capture since the data plane was started"));
    return page;
  }
  const bool running = part(result, "running", Json(false)).get<bool>();
  std::string line = running ? "capture at work: " : "OK ";
  line += cell(result, "noted", F::kCount) + " of " + cell(result, "limit", F::kCount) +
          " packets in " + cell(result, "file", F::kText);
  line += ", " + cell(result, "skipped", F::kCount) + " not noted for want of room";
  if (result.contains("error")) line += "; " + cell(result, "error", F::kText);
  page.blocks.emplace_back(std::move(line));
  return page;
}

}  // namespace fairlead::cli
