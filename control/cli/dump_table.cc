// SPDX-License-Identifier: BSD-3-Clause
// `dump table`.
#include <filesystem>

#include "control/api/table_file.hh"
#include "control/cli/packet_commands.hh"
#include "dataplane/sys/output_file.hh"

namespace fairlead::cli {

base::Result<LocalAnswer> dump_table(const Call& call, const Place& place) {
  const auto folder = std::filesystem::path(place.control_socket).parent_path();
  const auto vip = call.arguments.value("vip", std::string());
  const auto file_name = call.arguments.value("file", std::string());
  FL_ASSIGN(sys::OutputFile file, sys::OutputFile::stage(file_name));
  FL_ASSIGN(
      const api::DumpedTable done, api::dump_table((folder / "steering").string(), vip, file.file())
  );
  FL_TRY(file.commit());
  Json json = {
      {"vip", vip}, {"file", file_name}, {"slots", done.slots}, {"generation", done.generation}};
  Page page;
  page.blocks.emplace_back(
      "OK " + std::to_string(done.slots) + " slots of generation " +
      std::to_string(done.generation) + " in " + file_name
  );
  return LocalAnswer{std::move(json), std::move(page)};
}

}  // namespace fairlead::cli
