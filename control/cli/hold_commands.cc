// SPDX-License-Identifier: BSD-3-Clause
// Words of holds.
#include "control/cli/hold_commands.hh"

#include "control/cli/nearest.hh"
#include "control/cli/pages.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr Column kDrains[] = {
    {"BACKEND", "backend"},
    {"VIP", "vip"},
    {"HOLD", "hold"},
    {"PHASE", "phase"},
    {"SINCE", "since_s", F::kSeconds},
    {"FLOWS THEN", "flows_before", F::kCount},
    {"FLOWS NOW", "flows", F::kCount},
    {"TIME LEFT", "remaining_ms", F::kMilliseconds},
    {"AT THE END", "then"},
};

base::Result<void> store_time(
    const std::string& what, const char* key, std::string_view text, Json& arguments
) {
  const auto time = parse_interval(text);
  if (!time || *time < std::chrono::seconds(1)) {
    return base::invalid(
        what + " '" + std::string(text.substr(0, 60)) + "': write 90s, 10m or 2h, from 1s to 24h"
    );
  }
  arguments[key] = time->count();
  return {};
}

base::Result<void> store_deadline(std::string_view text, Json& arguments) {
  return store_time("deadline", "deadline_ms", text, arguments);
}

base::Result<void> store_udp_deadline(std::string_view text, Json& arguments) {
  return store_time("udp", "udp_deadline_ms", text, arguments);
}

base::Result<void> store_lasting(std::string_view text, Json& arguments) {
  return store_time("for", "for_ms", text, arguments);
}

base::Result<void> store_ramp(std::string_view text, Json& arguments) {
  return store_time("ramp", "ramp_ms", text, arguments);
}

base::Result<void> store_word(
    std::string_view what,
    const char* key,
    const std::vector<std::string>& words,
    std::string_view text,
    Json& arguments
) {
  std::string listed;
  for (const std::string& word : words) {
    if (word == text) {
      arguments[key] = word;
      return {};
    }
    listed += (listed.empty() ? "" : ", ") + word;
  }
  return base::invalid(
      std::string(what) + " '" + std::string(text.substr(0, 60)) + "': must be one of " + listed +
      did_you_mean(text, words)
  );
}

std::vector<std::string> thens() {
  return {"keep", "reset", "remove"};
}

std::vector<std::string> switches() {
  return {"on", "off"};
}

base::Result<void> store_then(std::string_view text, Json& arguments) {
  return store_word("then", "then", thens(), text, arguments);
}

std::vector<std::string> healths() {
  return {"up", "down", "auto"};
}

base::Result<void> store_health(std::string_view text, Json& arguments) {
  return store_word("health", "health", healths(), text, arguments);
}

base::Result<void> store_switch(std::string_view text, Json& arguments) {
  return store_word("switch", "switch", switches(), text, arguments);
}

constexpr ValueKind kKinds[] = {
    {"DEADLINE",
     "1s to 24h; a bare number is seconds",
     "10m",
     NameSource::kNone,
     nullptr,
     store_deadline},
    {"UDPDEADLINE",
     "1s to 24h; a bare number is seconds",
     "10s",
     NameSource::kNone,
     nullptr,
     store_udp_deadline},
    {"THEN", "keep, reset or remove", "remove", NameSource::kNone, thens, store_then},
    {"HEALTH", "up, down or auto", "down", NameSource::kNone, healths, store_health},
    {"LASTING",
     "1s to 24h; a bare number is seconds",
     "30m",
     NameSource::kNone,
     nullptr,
     store_lasting},
    {"RAMP", "1s to 24h; a bare number is seconds", "5m", NameSource::kNone, nullptr, store_ramp},
    {"SWITCH", "on or off", "on", NameSource::kNone, switches, store_switch},
};

/// How a drain ends; `row`: of all vips, or of those of one protocol.
std::string drain_end(const Json& row) {
  const std::string then = cell(row, "then", F::kText);
  if (then == "-" || then == "keep") return "";
  const bool timed = row.contains("deadline_ms");
  return (timed ? "at the latest in " + cell(row, "deadline_ms", F::kMilliseconds)
                : "when the last has ended") +
         std::string(": ") + then;
}

/// The same for every protocol where they differ: of UDP nothing is known but packets, so its time
/// may be a shorter one.
std::string drain_ends(const Json& result) {
  const Json protocols = rows(result, "protocols");
  std::string out;
  for (const Json& row : protocols) {
    const std::string end = drain_end(row);
    out += "; " + cell(row, "protocol", F::kText) + ", vips: " + cell(row, "vips", F::kCount) +
           ": " + (end.empty() ? "old ones stay until they end" : end);
  }
  if (protocols.size() > 1 && drain_end(protocols[0]) != drain_end(protocols[1])) return out;
  const std::string end = drain_end(protocols.empty() ? result : protocols[0]);
  return end.empty() ? "" : ", " + end;
}

}  // namespace

std::span<const ValueKind> hold_kinds() {
  return kKinds;
}

bool is_hold(const Call& call) {
  return call.is("drain backend") || call.is("undrain backend") || call.is("maint backend") ||
         call.is("disable backend") || call.is("enable backend") || call.is("set health backend");
}

std::string hold_sentence(const Call& call, const std::string& subject, const Json& result) {
  if (call.is("set health backend")) {
    const std::string health = call.arguments.value("health", "");
    if (health == "auto") return subject + ": its probes decide again";
    const bool timed = result.contains("for_ms");
    return subject + ": " + health + " whatever its probes say, " +
           (timed ? "for " + cell(result, "for_ms", F::kMilliseconds) : "until auto");
  }
  const bool ends = call.is("undrain backend") || call.is("enable backend") ||
                    (call.is("maint backend") && call.arguments.value("switch", "") == "off");
  if (ends && result.value("changed", Json(1)) == 0)
    return subject + ": was not held, nothing is changed";
  std::string note = cell(result, "note", F::kText);
  if (ends) return subject + ": " + (note == "-" ? "takes new flows again" : note);
  note = note == "-" ? "" : " (" + note + ")";
  if (call.is("disable backend")) return subject + ": off, its flows are decided anew" + note;
  if (call.is("maint backend")) return subject + ": in maintenance, no new flows" + note;
  return subject + ": draining, no new flows" + drain_ends(result) + note;
}

Page drain_page(const Json& rows) {
  if (rows.empty()) return {{std::string("no backend is held")}};
  return {{table_of(rows, kDrains)}};
}

}  // namespace fairlead::cli
