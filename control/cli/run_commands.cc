// SPDX-License-Identifier: BSD-3-Clause
// Words of testpmd, file names, and the pages of start and stop.
#include "control/cli/run_commands.hh"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "control/cli/nearest.hh"
#include "control/cli/pages.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/log_modules.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr std::size_t kMostFiles = 1000;  // of a folder, for Tab

std::vector<std::string> levels() {
  return {"error", "warn", "info", "debug"};
}

std::vector<std::string> levels_to_set() {
  return {"error", "warn", "info", "debug", "default"};
}

base::Result<void> store_level(std::string_view text, Json& arguments) {
  const std::vector<std::string> all = levels_to_set();
  if (std::find(all.begin(), all.end(), text) == all.end()) {
    return base::invalid(
        "level " + base::quoted(text) + ": must be " + enumerate(all) + did_you_mean(text, all)
    );
  }
  arguments["level"] = text;
  return {};
}

std::vector<std::string> modules() {
  return {sys::kLogModules.begin(), sys::kLogModules.end()};
}

base::Result<void> store_module(std::string_view text, Json& arguments) {
  const std::vector<std::string> all = modules();
  if (std::find(all.begin(), all.end(), text) == all.end()) {
    return base::invalid(
        "module " + base::quoted(text) + ": must be " + enumerate(all) + did_you_mean(text, all)
    );
  }
  arguments["module"] = text;
  return {};
}

base::Result<void> store_verbosity(std::string_view text, Json& arguments) {
  const std::vector<std::string> all = levels();
  if (text.size() != 1 || text[0] < '0' || text[0] > '3')
    return base::invalid("verbosity " + base::quoted(text) + ": must be 0, 1, 2 or 3");
  arguments["level"] = all[static_cast<std::size_t>(text[0] - '0')];
  return {};
}

base::Result<void> store_ports(std::string_view text, Json& arguments) {
  return text == "all" ? base::Result<void>() : value_kind("PORT").store(text, arguments);
}

std::vector<std::string> all_ports() {
  return {"all"};
}

std::vector<std::string> event_kinds() {
  return {"health", "drain", "weights", "config", "generation", "dataplane", "agent"};
}

base::Result<void> store_kind(std::string_view text, Json& arguments) {
  const std::vector<std::string> all = event_kinds();
  if (std::find(all.begin(), all.end(), text) == all.end()) {
    return base::invalid(
        "kind " + base::quoted(text) + ": must be " + enumerate(all) + did_you_mean(text, all)
    );
  }
  arguments["kind"] = text;
  return {};
}

base::Result<void> store_after(std::string_view text, Json& arguments) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return base::invalid("after " + base::quoted(text) + ": must be the number of an event");
  arguments["after"] = number;
  return {};
}

constexpr ValueKind kKinds[] = {
    {"KIND",
     "health, drain, weights, config, generation, dataplane or agent",
     "health",
     NameSource::kNone,
     event_kinds,
     store_kind},
    {"AFTER",
     "an event's number, as in show events",
     "17",
     NameSource::kNone,
     nullptr,
     store_after},
    {"LEVEL",
     "error, warn, info or debug; default: as at the start, of a module as the others",
     "info",
     NameSource::kNone,
     levels_to_set,
     store_level},
    {"MODULE",
     "a folder of the source, as in the lines: health, monitor, control, dataplane, ...",
     "health",
     NameSource::kNone,
     modules,
     store_module},
    {"VERBOSITY", "0 to 3", "2", NameSource::kNone, nullptr, store_verbosity},
    {"PORTS",
     "a port's number, as in show port, or all",
     "0",
     NameSource::kNone,
     all_ports,
     store_ports},
};

void add_sums(const Json& sums, Page& page) {
  constexpr Column kSums[] = {
      {"RX-packets", "rx_packets", F::kCount},
      {"RX-bytes", "rx_bytes", F::kBytes},
      {"TX-packets", "tx_packets", F::kCount},
      {"TX-bytes", "tx_bytes", F::kBytes},
      {"RX-missed", "missed", F::kCount},
      {"errors", "errors", F::kCount},
      {"RX-dropped", "dropped", F::kCount},
      {"to the kernel", "punted", F::kCount},
      {"answered", "answered", F::kCount},
  };
  page.blocks.emplace_back(list_of(sums, kSums));
}

}  // namespace

std::span<const ValueKind> run_kinds() {
  return kKinds;
}

Page events_page(const Json& result) {
  constexpr Column kEvents[] = {
      {"EVENT", "id", F::kNumber},
      {"TIME", "time"},
      {"KIND", "kind"},
      {"WHAT", "what"},
      {"BACKEND", "backend"},
      {"VIP", "vip"},
      {"GENERATION", "generation", F::kNumber},
      {"REVISION", "revision", F::kNumber},
      {"CAUSE", "cause"},
  };
  Json events = rows(result, "events");
  for (Json& event : events) {
    const Json at = event.is_object() ? event.value("at_us", Json()) : Json();
    if (at.is_number_integer()) event["time"] = utc_text(at.get<std::int64_t>() / 1'000'000);
  }
  Page page;
  if (result.contains("missed")) {
    page.blocks.emplace_back(
        cell(result, "missed", F::kCount) + " events in between are not kept any more"
    );
  }
  if (events.empty()) page.blocks.emplace_back(std::string("nothing happened"));
  if (!events.empty()) page.blocks.emplace_back(table_of(events, kEvents));
  return page;
}

Page forwarding_page(const Json& result) {
  Page page;
  const std::string workers = cell(result, "workers", F::kCount);
  if (!part(result, "forwarding", Json(true)).get<bool>()) {
    for (const Json& port : rows(result, "ports")) {
      page.blocks.emplace_back(
          "---- forward statistics of port " + cell(port, "port", F::kNumber) + " " +
          cell(port, "device", F::kText)
      );
      add_sums(port, page);
    }
    page.blocks.emplace_back(std::string("++++ all workers, since they have their counters"));
    add_sums(part(result, "total", Json::object()), page);
    page.blocks.emplace_back(
        "OK " + workers + " workers left their queues; the XDP gate forwards where there is one, " +
        "else nobody does until start"
    );
    return page;
  }
  page.blocks.emplace_back("OK " + workers + " workers serve their queues");
  return page;
}

std::vector<std::string> file_names(const std::string& partial) {
  namespace fs = std::filesystem;
  const std::size_t slash = partial.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : partial.substr(0, slash + 1);
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder.empty() ? "." : folder, error), end;
       !error && entry != end && names.size() < kMostFiles;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool hidden = name.front() == '.' && partial.substr(folder.size()).empty();
    std::error_code ignored;
    if (!hidden) names.push_back(folder + name + (entry->is_directory(ignored) ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace fairlead::cli
