// SPDX-License-Identifier: BSD-3-Clause
// A row a backend.
#include "control/fleet_weights_file.hh"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include <nlohmann/json.hpp>

namespace fairlead::control {
namespace {

using Json = nlohmann::json;
constexpr int kFormat = 1;

// Throws what nlohmann throws on a wrong type.
monitor::FleetWeights from_json(const Json& root) {
  monitor::FleetWeights out;
  out.term = root.at("term").get<std::uint64_t>();
  out.generation = root.at("generation").get<std::uint64_t>();
  out.frozen = root.at("frozen").get<bool>();
  for (const Json& row : root.at("weights")) {
    out.pools[row.at("vip").get<std::string>()][row.at("backend").get<std::string>()] = {
        row.at("weight").get<std::uint32_t>(),
        row.at("parallel").get<std::uint32_t>(),
        row.at("inverse").get<std::uint32_t>()};
  }
  return out;
}

}  // namespace

base::Result<monitor::FleetWeights> load_fleet_weights(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 && errno == ENOENT) return monitor::FleetWeights{};
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  try {
    const Json root = Json::parse(text);
    if (root.at("format").get<int>() == kFormat) return from_json(root);
  } catch (const Json::exception&) {
    // Told below.
  }
  return base::fail(
      base::ErrorCode::kDataLoss, path + ": not a file of weights of this version, remove it"
  );
}

base::Result<bool> save_fleet_weights(
    const std::string& path, const monitor::FleetWeights& weights
) {
  Json root{
      {"format", kFormat},
      {"term", weights.term},
      {"generation", weights.generation},
      {"frozen", weights.frozen},
      {"weights", Json::array()}};
  for (const auto& [vip, pool] : weights.pools)
    for (const auto& [id, weight] : pool) {
      root["weights"].push_back(
          {{"vip", vip},
           {"backend", id},
           {"weight", weight.weight},
           {"parallel", weight.parallel},
           {"inverse", weight.inverse_weight}}
      );
    }
  const std::string beside = path + ".new";
  std::ofstream(beside, std::ios::binary) << root.dump() << "\n";
  if (::rename(beside.c_str(), path.c_str()) != 0)
    return base::system_error("rename " + beside, errno);
  return true;
}

}  // namespace fairlead::control
