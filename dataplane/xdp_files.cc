// SPDX-License-Identifier: BSD-3-Clause
// Looks through /proc/self/fd.
#include "dataplane/xdp_files.hh"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fairlead::dataplane {
namespace {

std::optional<std::uint64_t> socket_id(int descriptor) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return {};
  struct stat about {};
  if (domain != AF_XDP || ::fstat(descriptor, &about) != 0) return {};
  return about.st_ino;
}

/// All of them share one inode; the kernel's number is in /proc/self/fdinfo as "map_id: 17".
std::optional<std::uint64_t> bpf_id(int descriptor, const std::string& kind) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(descriptor));
  std::string word;
  while (info >> word) {
    std::uint64_t id = 0;
    if (word == kind + "_id:" && info >> id) return id;
  }
  return {};
}

std::optional<std::uint64_t> id_of(int descriptor, const std::string& file) {
  if (file.rfind("socket:", 0) == 0) return socket_id(descriptor);
  for (const char* const kind : {"map", "prog", "link"})
    if (file.rfind(std::string("anon_inode:bpf-") + kind, 0) == 0 ||
        file.rfind(std::string("anon_inode:bpf_") + kind, 0) == 0)
      return bpf_id(descriptor, kind);
  return {};
}

}  // namespace

XdpFiles XdpFiles::of_this_process() {
  XdpFiles found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int descriptor = std::atoi(entry.path().filename().c_str());
    std::error_code gone;
    const std::string file = std::filesystem::read_symlink(entry.path(), gone).string();
    if (const auto id = id_of(descriptor, file)) found.files_.push_back({descriptor, file, *id});
  }
  return found;
}

void XdpFiles::add(const XdpFiles& more) {
  files_.insert(files_.end(), more.files_.begin(), more.files_.end());
}

XdpFiles XdpFiles::without(const XdpFiles& others) const {
  XdpFiles rest;
  for (const One& one : files_) {
    const bool other =
        std::find(others.files_.begin(), others.files_.end(), one) != others.files_.end();
    if (!other) rest.files_.push_back(one);
  }
  return rest;
}

void XdpFiles::close_those_left() {
  if (files_.empty()) return;  // nothing to look for: most ports are others'
  const XdpFiles open = of_this_process();
  for (const One& one : files_) {
    if (std::find(open.files_.begin(), open.files_.end(), one) != open.files_.end())
      ::close(one.descriptor);
  }
  files_.clear();
}

}  // namespace fairlead::dataplane
