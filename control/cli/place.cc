// SPDX-License-Identifier: BSD-3-Clause
// Looks for control.sock in runtime directories.
#include "control/cli/place.hh"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace fairlead::cli {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;

constexpr std::size_t kShownNodes = 8;

Place place_in(const fs::path& directory) {
  return Place{
      directory.filename().string(),
      (directory / "control.sock").string(),
      (directory / "dataplane.sock").string(),
  };
}

Place place_of_socket(const std::string& socket) {
  const fs::path path(socket);
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  Place place = place_in(directory);
  if (path.filename() != "dataplane.sock") place.control_socket = socket;
  return place;
}

std::vector<std::string> nodes_under(const fs::path& root) {
  std::vector<std::string> nodes;
  std::error_code error;
  for (fs::directory_iterator entry(root, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (fs::exists(entry->path() / "control.sock", ignored)) {
      nodes.push_back(entry->path().filename().string());
    }
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

std::string listed(const std::vector<std::string>& nodes) {
  std::string text;
  for (std::size_t i = 0; i < nodes.size() && i < kShownNodes; ++i) {
    text += (i == 0 ? "" : ", ") + nodes[i];
  }
  return nodes.size() > kShownNodes ? text + ", ..." : text;
}

/// The directory whose entries are the nodes.
fs::path root_of(const Selection& selection) {
  if (!selection.socket.empty()) return fs::absolute(selection.socket).parent_path().parent_path();
  if (selection.runtime_dir.empty()) return selection.root;
  const fs::path directory = fs::absolute(selection.runtime_dir).lexically_normal();
  return directory.has_filename() ? directory.parent_path() : directory.parent_path().parent_path();
}

}  // namespace

base::Result<std::vector<Place>> places(const Selection& selection, const std::string& at) {
  const fs::path root = root_of(selection);
  if (at == "all") {
    std::vector<Place> all;
    for (const std::string& node : nodes_under(root)) all.push_back(place_in(root / node));
    if (!all.empty()) return all;
    return base::fail(
        ErrorCode::kUnavailable,
        "no node runs here: no control.sock in a directory of " + root.string()
    );
  }
  if (!at.empty()) return std::vector<Place>{place_in(root / at)};
  if (!selection.socket.empty()) return std::vector<Place>{place_of_socket(selection.socket)};
  if (!selection.runtime_dir.empty()) {
    fs::path directory = fs::path(selection.runtime_dir).lexically_normal();
    if (!directory.has_filename()) directory = directory.parent_path();
    return std::vector<Place>{place_in(directory)};
  }
  if (!selection.node.empty()) return std::vector<Place>{place_in(root / selection.node)};

  const std::vector<std::string> nodes = nodes_under(root);
  if (nodes.size() == 1) return std::vector<Place>{place_in(root / nodes.front())};
  if (nodes.empty()) {
    return base::fail(
        ErrorCode::kUnavailable,
        "no node runs here: no control.sock in a directory of " + root.string() +
            "; start fairlead-control, or say where with --runtime-dir DIR or --socket PATH"
    );
  }
  return base::invalid(
      std::to_string(nodes.size()) + " nodes run here (" + listed(nodes) +
      "); choose one with --node ID, as in --node " + nodes.front()
  );
}

}  // namespace fairlead::cli
