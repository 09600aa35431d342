// SPDX-License-Identifier: BSD-3-Clause
// Offline inspection.
#include "control/api/flow_file.hh"

#include <charconv>
#include <filesystem>

#include "control/api/flow_answers.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::api {
namespace {

/// N of "flows.N"; 0 for another name.
unsigned worker_of(const std::filesystem::path& file) {
  const std::string suffix = file.extension().string();
  unsigned worker = 0;
  if (suffix.size() > 1) std::from_chars(suffix.data() + 1, suffix.data() + suffix.size(), worker);
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

}  // namespace

base::Result<nlohmann::json> answer_from_file(
    const std::string& path, const std::string& command, const nlohmann::json& arguments
) {
  const nlohmann::json line{{"command", command}, {"arguments", arguments}};
  FL_ASSIGN(const Request request, parse_request(line.dump()));
  const auto unusable = [](const base::Error& error) {
    return base::invalid(error.what + "; give the file flows.N of a node's runtime directory");
  };
  const auto region = shm::Region::attach(path, FL_REGION_FLOWS, shm::Access::kRead);
  if (!region) return unusable(region.error());
  const auto flows = table_in(*region);
  if (!flows) return unusable(flows.error());
  const std::filesystem::path file(path);
  const auto steering = shm::Region::attach(
      (file.parent_path() / "steering").string(), FL_REGION_STEERING, shm::Access::kRead
  );
  const steer::TableView table = steering ? newest_table(*steering) : steer::TableView();
  if (request.tuple && !table.valid())
    return base::fail(
        base::ErrorCode::kUnavailable,
        (file.parent_path() / "steering").string() +
            ": no table, so the hash key is not known; tuples cannot be looked up"
    );
  const steer::Names names = steer::read_names(table);
  return answer_flows(request, {{{worker_of(file), *flows}}, table, names, sys::monotonic_ns()});
}

}  // namespace fairlead::api
