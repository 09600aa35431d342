// SPDX-License-Identifier: BSD-3-Clause
// Accepts on a UNIX socket in a thread of its own and says who came, by the kernel's word.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "control/api/socket_server.hh"
#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::api {

class UnixListener {
 public:
  /// Owns the connection; runs in the listener's thread and must return soon.
  using Take = std::function<void(sys::UniqueFd connection, Peer peer)>;

  /// Binds `path` with mode 0666 (an old socket there is removed). Errors: as SocketServer::listen.
  static base::Result<std::unique_ptr<UnixListener>> start(const std::string& path, Take take);
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

 private:
  UnixListener(std::string path, sys::UniqueFd listener, sys::UniqueFd end, Take take);
  void run();

  std::string path_;
  sys::UniqueFd listener_;
  sys::UniqueFd end_;  // readable when the thread is to end
  Take take_;
  std::thread thread_;
};

}  // namespace fairlead::api
