// SPDX-License-Identifier: BSD-3-Clause
// Files of revisions, checked field by field when read.
#include "control/revision_store.hh"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::control {
namespace {

using Json = nlohmann::json;
using staging::State;

constexpr int kFormat = 1;
constexpr unsigned kOwnerOnly = 0600;

std::optional<std::string> whole_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Throws what nlohmann throws on a wrong type; open() catches it.
State state_of(const Json& root) {
  State state;
  state.in_force = root.at("in_force").get<std::uint64_t>();
  state.file_behind = root.at("file_behind").get<bool>();
  std::uint64_t older = 0;
  for (const Json& row : root.at("history")) {
    state.history.push_back(
        {row.at("number").get<std::uint64_t>(),
         row.at("at_s").get<std::int64_t>(),
         row.at("origin").get<std::string>(),
         row.at("note").get<std::string>(),
         row.at("digest").get<std::uint64_t>(),
         row.value("before", older)}  // versions that do not say it went to the next older one
    );
    older = state.history.back().number;
  }
  if (root.contains("pending")) {
    const Json& p = root["pending"];
    state.pending = staging::Pending{
        p.at("name").get<std::string>(),
        p.at("base").get<std::uint64_t>(),
        p.at("digest").get<std::uint64_t>(),
        p.at("at_s").get<std::int64_t>()};
  }
  if (root.contains("trial")) {
    state.trial = staging::Trial{
        root["trial"].at("before").get<std::uint64_t>(),
        root["trial"].at("deadline_ns").get<base::Nanoseconds>()};
  }
  return state;
}

std::string text_of(const State& state) {
  Json root{
      {"format", kFormat},
      {"boot_id", boot_id()},
      {"in_force", state.in_force},
      {"file_behind", state.file_behind},
      {"history", Json::array()}};
  for (const staging::Revision& r : state.history) {
    root["history"].push_back(
        {{"number", r.number},
         {"at_s", r.at_s},
         {"origin", r.origin},
         {"note", r.note},
         {"digest", r.digest},
         {"before", r.before}}
    );
  }
  if (state.pending) {
    const staging::Pending& p = *state.pending;
    root["pending"] = {{"name", p.name}, {"base", p.base}, {"digest", p.digest}, {"at_s", p.at_s}};
  }
  if (state.trial) {
    root["trial"] = {{"before", state.trial->before}, {"deadline_ns", state.trial->deadline}};
  }
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The file that a path means, so that a link is followed instead of replaced.
std::string target_of(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) == nullptr ? path : std::string(resolved);
}

base::Result<sys::UniqueFd> open_beside(const std::string& path, unsigned mode) {
  sys::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd.valid()) return base::system_error("write " + path, errno);
  return fd;
}

base::Result<bool> sync_folder(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const sys::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return base::system_error("sync " + folder, errno);
  return true;
}

base::Result<bool> make_folders(const std::string& path) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), at == std::string::npos ? 0700 : 0755) != 0 && errno != EEXIST)
      return base::system_error("make folder " + part, errno);
    if (at == std::string::npos) return true;
  }
}

}  // namespace

std::string boot_id() {
  std::string id = whole_file("/proc/sys/kernel/random/boot_id").value_or("");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

base::Result<bool> replace_file(const std::string& path, const std::string& text, unsigned mode) {
  const std::string target = target_of(path);
  const std::string beside = target + ".new";
  FL_ASSIGN(const sys::UniqueFd fd, open_beside(beside, mode));
  struct stat old {};
  if (::stat(target.c_str(), &old) == 0) {
    (void)!::fchown(fd.get(), old.st_uid, old.st_gid);  // best effort: root's file by another user
    (void)::fchmod(fd.get(), old.st_mode & 07777);
  }
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = ::write(fd.get(), text.data() + sent, text.size() - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return base::system_error("write " + beside, errno);
    sent += static_cast<std::size_t>(n);
  }
  if (::fsync(fd.get()) != 0) return base::system_error("sync " + beside, errno);
  if (::rename(beside.c_str(), target.c_str()) != 0)
    return base::system_error("rename " + beside, errno);
  return sync_folder(target);
}

base::Result<bool> can_replace(const std::string& path) {
  const std::string target = target_of(path);
  const std::string beside = target + ".new";
  // What can be known of a rename() without doing it; a kernel that knows less says nothing.
  struct statx info {};
  if (::statx(AT_FDCWD, target.c_str(), 0, STATX_TYPE, &info) == 0) {
    if ((info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
      return base::fail(
          base::ErrorCode::kFailedPrecondition,
          target + " is a mount of its own, which no file can take the place of: mount its folder"
      );
    }
    if ((info.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0) {
      return base::fail(
          base::ErrorCode::kFailedPrecondition, target + " may not be replaced: chattr -i -a"
      );
    }
  }
  FL_TRY(open_beside(beside, kOwnerOnly));
  (void)::unlink(beside.c_str());
  return true;
}

std::string RevisionStore::revision_path(std::uint64_t number) const {
  return directory_ + "/revision-" + std::to_string(number) + ".yaml";
}

base::Result<RevisionStore::Loaded> RevisionStore::open() {
  FL_TRY(make_folders(directory_));
  const std::string path = directory_ + "/revisions.json";
  const auto text = whole_file(path);
  if (!text) return Loaded{};
  const auto damaged = [&](const std::string& what) {
    return base::fail(
        base::ErrorCode::kDataLoss,
        path + ": " + what + ", remove " + directory_ + " to begin a new history"
    );
  };
  Loaded loaded;
  const Json root = Json::parse(*text, nullptr, false);
  if (!root.is_object() || root.value("format", Json()) != kFormat)
    return damaged("not a file of this version");
  try {
    loaded.state = state_of(root);
    loaded.boot_id = root.at("boot_id").get<std::string>();
  } catch (const Json::exception&) {
    return damaged("a field is missing or of the wrong type");
  }
  const State& state = loaded.state;
  for (const staging::Revision& r : state.history) {
    const auto revision = whole_file(revision_path(r.number));
    if (!revision || staging::digest_of(*revision) != r.digest)
      return damaged("the text of revision " + std::to_string(r.number) + " is not what it was");
  }
  if (state.in_force != 0 && staging::find(state, state.in_force) == nullptr)
    return damaged("the revision in force is not in it");
  if (state.trial && staging::find(state, state.trial->before) == nullptr)
    return damaged("the revision before the trial is not in it");
  if (state.pending) {
    const auto pending = whole_file(directory_ + "/pending.yaml");
    if (!pending || staging::digest_of(*pending) != state.pending->digest)
      loaded.state.pending.reset();  // nothing that is in force depends on it
  }
  return loaded;
}

base::Result<bool> RevisionStore::save(
    const State& before, const State& next, const std::string& text
) {
  if (staging::find(before, next.in_force) == nullptr && next.in_force != 0)
    FL_TRY(replace_file(revision_path(next.in_force), text, kOwnerOnly));
  if (next.pending && next.pending != before.pending)
    FL_TRY(replace_file(directory_ + "/pending.yaml", text, kOwnerOnly));
  FL_TRY(replace_file(directory_ + "/revisions.json", text_of(next), kOwnerOnly));
  for (const staging::Revision& r : before.history) {
    if (staging::find(next, r.number) == nullptr) (void)::unlink(revision_path(r.number).c_str());
  }
  if (!next.pending) (void)::unlink((directory_ + "/pending.yaml").c_str());
  return true;
}

base::Result<std::string> RevisionStore::revision_text(std::uint64_t number) const {
  auto text = whole_file(revision_path(number));
  if (text) return std::move(*text);
  return base::fail(
      base::ErrorCode::kDataLoss, revision_path(number) + " is gone: choose another revision"
  );
}

base::Result<std::string> RevisionStore::pending_text() const {
  auto text = whole_file(directory_ + "/pending.yaml");
  if (text) return std::move(*text);
  return base::fail(
      base::ErrorCode::kDataLoss, directory_ + "/pending.yaml is gone: load the file again"
  );
}

}  // namespace fairlead::control
