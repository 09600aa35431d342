// SPDX-License-Identifier: BSD-3-Clause
// JSON, checked field by field.
#include "control/fleet/saved.hh"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::fleet {
namespace {

using Json = nlohmann::json;
constexpr int kFormat = 1;
constexpr unsigned kOwnerOnly = 0600;

// Throws what nlohmann throws on a wrong type.
Saved from_json(const Json& root) {
  Saved out;
  out.revision = root.at("revision").get<std::int64_t>();
  for (const auto& item : root.at("known").items()) {
    out.known[item.key()] = {
        item.value().at("value").get<std::string>(),
        item.value().at("revision").get<std::int64_t>()};
  }
  for (const auto& item : root.at("waiting").items()) {
    Waiting waiting{std::nullopt, item.value().at("base").get<std::int64_t>()};
    if (item.value().contains("value")) waiting.value = item.value().at("value").get<std::string>();
    out.waiting[item.key()] = std::move(waiting);
  }
  return out;
}

std::string to_text(const Saved& saved) {
  Json root{
      {"format", kFormat},
      {"revision", saved.revision},
      {"known", Json::object()},
      {"waiting", Json::object()}};
  for (const auto& [name, known] : saved.known)
    root["known"][name] = {{"value", known.value}, {"revision", known.revision}};
  for (const auto& [name, waiting] : saved.waiting) {
    root["waiting"][name] = {{"base", waiting.base}};
    if (waiting.value) root["waiting"][name]["value"] = *waiting.value;
  }
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

base::Result<Saved> load_saved(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 && errno == ENOENT) return Saved{};
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  try {
    const Json root = Json::parse(text);
    if (root.at("format").get<int>() == kFormat) return from_json(root);
  } catch (const Json::exception&) {
    // Told below.
  }
  return base::fail(
      base::ErrorCode::kDataLoss, path + ": not a fleet's state of this version, remove it"
  );
}

base::Result<bool> save(const std::string& path, const Saved& saved) {
  const std::string beside = path + ".new";
  const std::string text = to_text(saved);
  sys::UniqueFd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly));
  if (!fd.valid()) return base::system_error("open " + beside, errno);
  // No fsync: as with state.json, it outlives the process and not the host.
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return base::system_error("write " + beside, errno);
  if (::rename(beside.c_str(), path.c_str()) != 0)
    return base::system_error("rename " + beside, errno);
  return true;
}

}  // namespace fairlead::fleet
