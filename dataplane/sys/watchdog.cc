// SPDX-License-Identifier: BSD-3-Clause
// One datagram each; libsystemd is not needed for that.
#include "dataplane/sys/watchdog.hh"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace fairlead::sys {
namespace {

constexpr unsigned kPerPatience = 4;

std::string taken(const char* name) {
  const char* value = std::getenv(name);
  std::string out = value == nullptr ? "" : value;
  (void)::unsetenv(name);
  return out;
}

/// Of $WATCHDOG_USEC, if it is meant for this process.
base::Nanoseconds patience_of_environment() {
  const std::string pid = taken("WATCHDOG_PID");
  const std::string us = taken("WATCHDOG_USEC");
  if (!pid.empty() && pid != std::to_string(::getpid())) return 0;
  return std::strtoull(us.c_str(), nullptr, 10) * base::kMicrosecond;
}

}  // namespace

Watchdog::Watchdog() : Watchdog(taken("NOTIFY_SOCKET"), patience_of_environment()) {}

Watchdog::Watchdog(std::string socket, base::Nanoseconds patience)
    : socket_(std::move(socket)), patience_(socket_.empty() ? 0 : patience) {
  if (!socket_.empty())
    fd_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void Watchdog::ready() {
  send("READY=1");
}

void Watchdog::alive(base::Nanoseconds now) {
  if (patience_ == 0 || now < due_) return;
  due_ = now + patience_ / kPerPatience;
  send("WATCHDOG=1");
}

void Watchdog::send(const char* text) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (!fd_.valid() || socket_.size() >= sizeof at.sun_path) return;
  std::memcpy(at.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') at.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  (void)::sendto(
      fd_.get(), text, std::strlen(text), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&at), size
  );
}

}  // namespace fairlead::sys
