// SPDX-License-Identifier: BSD-3-Clause
// Monitoring updates from JSON lines.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <set>

#include <nlohmann/json.hpp>

#include "control/config/units.hh"
#include "control/sim/files.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/input_file.hh"
#include "dataplane/sys/json_line.hh"

namespace fairlead::sim {

namespace {

using nlohmann::json;

class LineReader {
 public:
  explicit LineReader(std::string place) : place_(std::move(place)) {}

  base::Result<FileUpdate> read(std::string_view line) {
    const auto parsed = sys::parse_json_object(line, R"({"t_us":0,"backends":[{"id":"b1"}]})");
    if (!parsed) return fault(parsed.error().what);
    const json& value = *parsed;
    FL_TRY(keys(value, {"t_us", "backends", "nodes"}));
    FileUpdate update;
    double t = -1;
    FL_TRY(number(value, "t_us", kMostMicroseconds, t));
    if (t < 0) return fault("t_us is missing");
    if (t != std::floor(t)) return fault("t_us must be whole microseconds");
    update.at = static_cast<Time>(t) * 1000;
    std::set<std::string> named;
    FL_ASSIGN(const json backends, list(value, "backends"));
    for (const json& entry : backends) {
      FL_ASSIGN(FileReport report, backend(entry));
      if (!named.insert(report.id).second) return twice("backend", report.id);
      update.backends.push_back(std::move(report));
    }
    named.clear();
    FL_ASSIGN(const json nodes, list(value, "nodes"));
    for (const json& entry : nodes) {
      FL_ASSIGN(FileNode node, node_of(entry));
      if (!named.insert(node.id).second) return twice("node", node.id);
      update.nodes.push_back(std::move(node));
    }
    return update;
  }

 private:
  [[nodiscard]] tl::unexpected<base::Error> fault(const std::string& what) const {
    return base::invalid(place_ + ": " + what);
  }
  [[nodiscard]] tl::unexpected<base::Error> twice(const char* what, const std::string& id) const {
    return fault(
        std::string(what) + " " + base::quoted(id) + " is twice in this update, remove one"
    );
  }
  [[nodiscard]] base::Result<bool> keys(
      const json& object, std::initializer_list<std::string_view> known
  ) const {
    if (!object.is_object()) return fault("backends and nodes are lists of objects");
    for (const auto& item : object.items()) {
      if (std::find(known.begin(), known.end(), item.key()) != known.end()) continue;
      std::string names;
      for (const std::string_view name : known) names += " " + std::string(name);
      return fault("unknown key " + base::quoted(item.key()) + ", known here:" + names);
    }
    return true;
  }
  base::Result<json> list(const json& object, const char* key) const {
    const auto at = object.find(key);
    if (at == object.end()) return json::array();
    if (!at->is_array()) return fault(std::string(key) + " must be a list");
    return *at;
  }
  base::Result<bool> number(const json& object, const char* key, double most, double& out) const {
    const auto at = object.find(key);
    if (at == object.end() || at->is_null()) return true;
    const double value =
        at->is_number() ? at->get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (!(value >= 0 && value <= most))
      return fault(std::string(key) + " must be a number from 0 to " + json(most).dump());
    out = value;
    return true;
  }
  base::Result<std::string> id(const json& object) const {
    const auto at = object.find("id");
    if (at == object.end()) return fault("id is missing");
    if (at->is_string() && config::is_name(at->get<std::string>())) return at->get<std::string>();
    const std::string shown = at->is_string() ? base::quoted(at->get<std::string>()) : "";
    return fault(
        "id " + shown + (shown.empty() ? "" : " ") + "is no name, use in quotes " +
        std::string(config::kNameForm)
    );
  }
  base::Result<bool> state(const json& object, bool& down, bool& removed) const {
    const auto at = object.find("state");
    if (at == object.end()) return true;
    const std::string word = at->is_string() ? at->get<std::string>() : "";
    down = word == "down";
    removed = word == "removed";
    if (!down && !removed && word != "up") return fault("state must be up, down or removed");
    return true;
  }
  base::Result<FileReport> backend(const json& entry) const {
    FileReport report;
    FL_TRY(keys(entry, {"id", "cpu", "memory", "active", "capacity", "latency_us", "state"}));
    FL_ASSIGN(report.id, id(entry));
    FL_TRY(state(entry, report.down, report.removed));
    FL_TRY(number(entry, "cpu", 1, report.cpu));
    FL_TRY(number(entry, "memory", 1, report.memory));
    FL_TRY(number(entry, "active", 1e7, report.active));
    FL_TRY(number(entry, "capacity", 1e7, report.capacity));
    FL_TRY(number(entry, "latency_us", 1e12, report.latency_us));
    return report;
  }
  base::Result<FileNode> node_of(const json& entry) const {
    FileNode node;
    FL_TRY(keys(entry, {"id", "forward_latency_us", "state"}));
    FL_ASSIGN(node.id, id(entry));
    FL_TRY(state(entry, node.down, node.removed));
    FL_TRY(number(entry, "forward_latency_us", 1e9, node.forward_latency_us));
    return node;
  }

  std::string place_;
};

}  // namespace

base::Result<std::vector<FileUpdate>> read_updates(const std::string& path) {
  FL_ASSIGN(const std::string text, sys::read_input(path, kMostFileBytes, "a file of JSON lines"));
  std::vector<FileUpdate> updates;
  std::string_view rest = text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::string place = path + ":" + std::to_string(number);
    if (line.empty()) {
      if (rest.empty()) break;
      return base::invalid(place + ": empty line, remove it");
    }
    FL_ASSIGN(FileUpdate update, LineReader(place).read(line));
    if (!updates.empty() && update.at < updates.back().at)
      return base::invalid(place + ": t_us is before the line above, sort the file by t_us");
    if (!updates.empty() && update.at - updates.front().at > kLongestRun)
      return base::invalid(place + ": t_us is more than 30 days after the first, shorten the file");
    updates.push_back(std::move(update));
  }
  if (updates.empty()) return base::invalid(path + ":1: holds no updates, leave --updates out");
  return updates;
}

}  // namespace fairlead::sim
