// SPDX-License-Identifier: BSD-3-Clause
// poll, accept4, SO_PEERCRED.
#include "control/api/unix_listener.hh"

#include <cerrno>
#include <memory>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fairlead::api {

base::Result<std::unique_ptr<UnixListener>> UnixListener::start(
    const std::string& path, Take take
) {
  FL_ASSIGN(sys::UniqueFd listener, bind_unix(path));
  sys::UniqueFd end(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!end.valid()) return base::system_error("make socket " + path, errno);
  return std::unique_ptr<UnixListener>(
      new UnixListener(path, std::move(listener), std::move(end), std::move(take))
  );
}

UnixListener::UnixListener(std::string path, sys::UniqueFd listener, sys::UniqueFd end, Take take)
    : path_(std::move(path)),
      listener_(std::move(listener)),
      end_(std::move(end)),
      take_(std::move(take)),
      thread_([this] { run(); }) {}

UnixListener::~UnixListener() {
  const std::uint64_t one = 1;
  (void)!::write(end_.get(), &one, sizeof one);
  thread_.join();
  (void)::unlink(path_.c_str());
}

void UnixListener::run() {
  constexpr int kPauseMs = 50;  // out of descriptors: others may give some back
  for (;;) {
    pollfd waiting[] = {{listener_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    sys::UniqueFd connection(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)
    );
    if (connection.valid()) {
      const Peer peer = peer_of(connection.get());
      take_(std::move(connection), peer);
    } else if (errno == EMFILE || errno == ENFILE) {
      (void)::poll(&waiting[1], 1, kPauseMs);
    }
  }
}

}  // namespace fairlead::api
