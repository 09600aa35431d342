// SPDX-License-Identifier: BSD-3-Clause
// Monitoring updates from JSON lines.
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "control/config/text_file.hh"
#include "control/sim/files.hh"

namespace fairlead::sim {

namespace {

using nlohmann::json;

class LineReader {
 public:
  explicit LineReader(std::string place) : place_(std::move(place)) {}

  base::Result<FileUpdate> read(std::string_view line) {
    const json value = json::parse(line, nullptr, false);
    if (value.is_discarded()) return fault("not JSON, write one object a line");
    if (!value.is_object()) return fault("must be an object {\"t_us\":..,\"backends\":[..]}");
    FileUpdate update;
    double t = -1;
    FL_TRY(number(value, "t_us", 4e15, t));
    if (t < 0) return fault("t_us is missing");
    update.at = static_cast<Time>(t * 1000);
    FL_ASSIGN(const json backends, list(value, "backends"));
    for (const json& entry : backends) {
      FL_ASSIGN(FileReport report, backend(entry));
      update.backends.push_back(std::move(report));
    }
    FL_ASSIGN(const json nodes, list(value, "nodes"));
    for (const json& entry : nodes) {
      FL_ASSIGN(FileNode node, node_of(entry));
      update.nodes.push_back(std::move(node));
    }
    return update;
  }

 private:
  [[nodiscard]] tl::unexpected<base::Error> fault(const std::string& what) const {
    return base::invalid(place_ + ": " + what);
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
    if (!object.is_object()) return fault("backends and nodes are lists of objects");
    const auto at = object.find("id");
    if (at != object.end() && at->is_string() && !at->get<std::string>().empty())
      return at->get<std::string>();
    if (at != object.end() && at->is_number_integer()) return at->dump();
    return fault("id is missing or no name");
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
    FL_ASSIGN(report.id, id(entry));
    FL_TRY(state(entry, report.down, report.removed));
    FL_TRY(number(entry, "cpu", 64, report.cpu));
    FL_TRY(number(entry, "memory", 64, report.memory));
    FL_TRY(number(entry, "active", 1e7, report.active));
    FL_TRY(number(entry, "capacity", 1e7, report.capacity));
    FL_TRY(number(entry, "latency_us", 1e12, report.latency_us));
    return report;
  }
  base::Result<FileNode> node_of(const json& entry) const {
    FileNode node;
    FL_ASSIGN(node.id, id(entry));
    FL_TRY(state(entry, node.down, node.removed));
    FL_TRY(number(entry, "forward_latency_us", 1e9, node.forward_latency_us));
    return node;
  }

  std::string place_;
};

}  // namespace

base::Result<std::vector<FileUpdate>> read_updates(const std::string& path) {
  FL_ASSIGN(const std::string text, config::read_text_file(path, kMostFileBytes));
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
    updates.push_back(std::move(update));
  }
  return updates;
}

}  // namespace fairlead::sim
