// SPDX-License-Identifier: BSD-3-Clause
// Looks through /proc/self/fd.
#include "dataplane/xdp_sockets.hh"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fairlead::dataplane {

XdpSockets XdpSockets::of_this_process() {
  XdpSockets found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int descriptor = std::atoi(entry.path().filename().c_str());
    int domain = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) continue;
    struct stat about {};
    if (domain != AF_XDP || ::fstat(descriptor, &about) != 0) continue;
    found.sockets_.push_back({descriptor, about.st_ino});
  }
  return found;
}

void XdpSockets::add(const XdpSockets& more) {
  sockets_.insert(sockets_.end(), more.sockets_.begin(), more.sockets_.end());
}

XdpSockets XdpSockets::without(const XdpSockets& others) const {
  XdpSockets rest;
  for (const One& one : sockets_) {
    const bool other =
        std::find(others.sockets_.begin(), others.sockets_.end(), one) != others.sockets_.end();
    if (!other) rest.sockets_.push_back(one);
  }
  return rest;
}

void XdpSockets::close_those_left() {
  if (sockets_.empty()) return;  // nothing to look for: most ports are others'
  const XdpSockets open = of_this_process();
  for (const One& one : sockets_) {
    if (std::find(open.sockets_.begin(), open.sockets_.end(), one) != open.sockets_.end())
      ::close(one.descriptor);
  }
  sockets_.clear();
}

}  // namespace fairlead::dataplane
