// SPDX-License-Identifier: BSD-3-Clause
// Pages of `config ...` and `show config ...`.
#include <algorithm>
#include <ctime>

#include "control/cli/config_commands.hh"
#include "control/cli/edit_commands.hh"
#include "control/cli/pages.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr Column kChangedKeys[] = {{"KEY", "key"}, {"BEFORE", "before"}, {"AFTER", "after"}};
constexpr Column kVips[] = {
    {"VIP", "vip"},
    {"CHANGE", "change"},
    {"SLOTS", "slots", F::kCount},
    {"SLOTS MOVED", "slots_moved", F::kCount},
    {"FLOWS AFFECTED", "flows_affected", F::kCount},
};
constexpr Column kBackends[] = {
    {"BACKEND", "backend"},
    {"VIP", "vip"},
    {"CHANGE", "change"},
    {"SLOTS BEFORE", "slots_before", F::kCount},
    {"SLOTS AFTER", "slots_after", F::kCount},
    {"FLOWS", "flows", F::kCount},
    {"FLOWS AFFECTED", "flows_affected", F::kCount},
};
constexpr Column kRevisions[] = {
    {"REVISION", "revision", F::kNumber},
    {"STATE", "state"},
    {"AT", "at"},
    {"ORIGIN", "origin"},
    {"DIGEST", "digest"},
    {"NOTE", "note"},
};

bool flag(const Json& object, const char* key) {
  return part(object, key, Json(false)) == true;
}

std::string when(const Json& row) {
  const bool known = row.contains("at_s") && row["at_s"].is_number_integer();
  return utc_text(known ? row["at_s"].get<std::int64_t>() : 0);
}

// "restart needed for: ports, workers" and the like; nothing for an empty list.
void add_list(Page& page, const Json& result, const char* key, const std::string& what) {
  std::string line;
  for (const Json& item : rows(result, key)) {
    if (item.is_string()) line += (line.empty() ? "" : ", ") + item.get<std::string>();
  }
  if (!line.empty()) page.blocks.emplace_back(what + line);
}

std::string trial_text(const Json& result) {
  const Json trial = part(result, "trial", Json::object());
  if (trial.empty()) return "";
  return ", on trial: goes back to " + cell(trial, "before") + " in " +
         cell(trial, "remaining_ms", F::kMilliseconds) + " unless config confirm";
}

std::string moves(const Json& result) {
  return cell(result, "slots_moved", F::kCount) + " slots move, " +
         cell(result, "flows_affected", F::kCount) + " live flows are affected";
}

Page diff_page(const Json& result) {
  Page page;
  const Json keys = rows(result, "keys");
  if (keys.empty())
    page.blocks.emplace_back("no key differs from revision " + cell(result, "revision"));
  if (!keys.empty()) page.blocks.emplace_back(table_of(keys, kChangedKeys));
  const Json vips = rows(result, "vips");
  const Json backends = rows(result, "backends");
  if (!vips.empty()) page.blocks.emplace_back(table_of(vips, kVips));
  if (!backends.empty()) page.blocks.emplace_back(table_of(backends, kBackends));
  page.blocks.emplace_back("in all: " + moves(result));
  add_list(page, result, "needs_restart", "keeps its old value until a restart: ");
  return page;
}

Page history_page(const Json& result) {
  Json revisions = rows(result, "revisions");
  for (Json& row : revisions) row["at"] = when(row);
  Page page{{table_of(revisions, kRevisions)}};
  page.blocks.emplace_back(
      "revision " + cell(result, "revision") + " is in force" + trial_text(result) +
      (flag(result, "pending") ? "; another configuration is pending" : "")
  );
  if (result.contains("error")) page.blocks.emplace_back("no history: " + cell(result, "error"));
  return page;
}

Page text_page(const Json& result) {
  const Json whole = part(result, "text", Json(""));
  std::string lines = whole.get<std::string>();
  while (!lines.empty() && lines.back() == '\n') lines.pop_back();
  Page page;
  for (std::size_t at = 0; at <= lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    page.blocks.emplace_back(lines.substr(at, end - at));
    at = end + 1;
  }
  return page;
}

Page pending_page(const Json& result) {
  if (!flag(result, "pending")) return {{std::string("nothing is pending")}};
  Page page;
  page.blocks.emplace_back(
      "# pending: " + cell(result, "name") + ", loaded over revision " + cell(result, "base") +
      " at " + when(result)
  );
  for (Block& block : text_page(result).blocks) page.blocks.push_back(std::move(block));
  return page;
}

}  // namespace

std::string utc_text(std::int64_t seconds) {
  const std::time_t at = seconds;
  std::tm parts{};
  char out[32] = "-";
  if (at > 0 && ::gmtime_r(&at, &parts) != nullptr)
    (void)std::strftime(out, sizeof out, "%F %TZ", &parts);
  return out;
}

Page config_page(const Call& call, const Json& result) {
  if (call.pattern->method == "config diff" || diff_of(call) == "pending") return diff_page(result);
  if (call.is("show config history")) return history_page(result);
  if (call.is("show config pending")) return pending_page(result);
  if (call.is("show config") || call.is("show config running")) return text_page(result);
  Page page;
  for (const Json& warning : rows(result, "warnings"))
    if (warning.is_string()) page.blocks.emplace_back("warning: " + warning.get<std::string>());
  std::string line = "OK ";
  if (result.contains("incomplete")) {
    line += "pending over revision " + cell(result, "revision") +
            ", not complete yet: " + cell(result, "incomplete");
  } else if (part(result, "pending", Json(true)).get<bool>() &&
             (call.is("config load") || call.pattern->method == "config edit")) {
    line += "pending over revision " + cell(result, "revision") + ": " + moves(result) +
            "; config diff shows them, config commit puts it in force";
  } else if (call.is("config discard")) {
    line += "the pending configuration is forgotten";
  } else if (call.is("config share")) {
    line += "the fleet's configuration is that of revision " + cell(result, "revision");
    if (part(result, "etcd_away", false)) line += ", once etcd is back";
  } else if (call.is("config confirm") || call.is("config reload")) {
    line += "revision " + cell(result, "revision") + " is in force";
  } else {
    line += "revision " + cell(result, "revision") + " is in force" + trial_text(result) + ", " +
            moves(result);
  }
  if (!call.is("config share") && part(result, "etcd_away", false))
    line += "; on the other nodes once etcd is back";
  page.blocks.emplace_back(line);
  add_list(page, result, "needs_restart", "keeps its old value until a restart: ");
  if (result.contains("file_error"))
    page.blocks.emplace_back("but not in the file, " + cell(result, "file_error"));
  return page;
}

}  // namespace fairlead::cli
