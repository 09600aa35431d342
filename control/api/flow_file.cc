// SPDX-License-Identifier: BSD-3-Clause
// Offline inspection.
#include "control/api/flow_file.hh"

#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "control/api/flow_answers.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::api {
namespace {

/// N of "flows.N"; nothing for another name.
std::optional<unsigned> worker_of(const std::filesystem::path& file) {
  const std::string suffix = file.extension().string();
  unsigned worker = 0;
  const char* const end = suffix.data() + suffix.size();
  if (file.stem() != "flows" || suffix.size() < 2) return {};
  if (std::from_chars(suffix.data() + 1, end, worker).ptr != end) return {};
  if (worker >= FL_MAX_WORKERS) return {};
  return worker;
}

/// The newest bank of a steering file that proves sound; not valid(): none.
steer::TableView newest_table(const shm::Region& steering) {
  const std::uint64_t bank_bytes = steering.header().parameter;
  const std::uint64_t generation = steering.at<fl_current>(FL_LINE_BYTES)->generation;
  const std::uint64_t offset = FL_BANKS_OFFSET + generation % FL_BANKS * bank_bytes;
  if (generation == 0 || offset + bank_bytes > steering.bytes()) return {};
  const auto table = steer::TableView::attach(steering.data() + offset, bank_bytes);
  return table ? *table : steer::TableView();
}

tl::unexpected<base::Error> unusable(const base::Error& error) {
  return base::invalid(error.what + "; give the file flows.N of a node's runtime directory");
}

base::Result<shm::Region> map_flows(const std::string& path) {
  return shm::Region::attach(path, FL_REGION_FLOWS, shm::Access::kRead);
}

}  // namespace

base::Result<FlowFiles> flow_files(const std::string& path) {
  const std::filesystem::path file(path);
  std::error_code none;
  if (!std::filesystem::is_directory(file, none)) {
    const auto worker = worker_of(file);
    const auto region = map_flows(path);
    if (!region) return unusable(region.error());
    if (!worker) return base::invalid(path + ": a flow table's name is flows.N, with its worker N");
    const auto folder = file.has_parent_path() ? file.parent_path().string() : std::string(".");
    return FlowFiles{folder, {{*worker, path}}};
  }
  // Regions may be maps, which no listing of the folder shows.
  FlowFiles found{path, {}};
  for (unsigned worker = 0; worker < FL_MAX_WORKERS; ++worker) {
    const std::string name = path + "/flows." + std::to_string(worker);
    const auto region = map_flows(name);
    if (region) found.files.push_back({worker, name});
    if (!region && region.error().code != base::ErrorCode::kNotFound)
      return unusable(region.error());
  }
  if (found.files.empty()) return base::invalid(path + ": no flow table, as flows.0, is in there");
  return found;
}

base::Result<nlohmann::json> answer_from_file(
    const std::string& path, const std::string& command, const nlohmann::json& arguments
) {
  const nlohmann::json line{{"command", command}, {"arguments", arguments}};
  FL_ASSIGN(const Request request, parse_request(line.dump()));
  FL_ASSIGN(const FlowFiles files, flow_files(path));
  std::vector<shm::Region> regions;
  std::vector<WorkerFlows> tables;
  for (const FlowFiles::One& file : files.files) {
    FL_ASSIGN(shm::Region region, map_flows(file.path));
    const auto flows = table_in(region);
    if (!flows) return unusable(flows.error());
    regions.push_back(std::move(region));
    tables.push_back({file.worker, *flows});
  }
  const std::string steering_path = files.folder + "/steering";
  const auto steering = shm::Region::attach(steering_path, FL_REGION_STEERING, shm::Access::kRead);
  const steer::TableView table = steering ? newest_table(*steering) : steer::TableView();
  if (request.tuple && !table.valid())
    return base::fail(
        base::ErrorCode::kUnavailable,
        steering_path + ": no table, so the hash key is not known; tuples cannot be looked up"
    );
  const steer::Names names = steer::read_names(table);
  return answer_flows(request, {tables, table, names, sys::monotonic_ns()});
}

}  // namespace fairlead::api
