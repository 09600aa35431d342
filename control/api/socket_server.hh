// SPDX-License-Identifier: BSD-3-Clause
// A UNIX socket on which clients ask one line and get one line; never blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::api {

/// Whether the peer may change things: root, or the user this process runs as.
enum class Peer : std::uint8_t { kReader, kWriter };
/// Of the process at the other end of a UNIX socket.
Peer peer_of(int fd);
/// A listening socket at `path`, non-blocking, mode 0666; an old socket there is removed.
base::Result<sys::UniqueFd> bind_unix(const std::string& path);

/// Main thread only. A line of more than 64 KiB (of a writer: 16 MiB, for a whole configuration) is
/// refused at once and read away to its end; a client that does not read its answers is
/// disconnected; nobody else notices.
class SocketServer {
 public:
  using Answer = std::function<std::string(const std::string& line, Peer peer)>;

  /// Binds `path` (an old socket file there is removed) with mode 0666: everybody may look,
  /// `answer` refuses writes by Peer. Errors: the path cannot be bound.
  static base::Result<SocketServer> listen(const std::string& path, Answer answer);

  SocketServer(SocketServer&&) noexcept = default;
  SocketServer& operator=(SocketServer&&) noexcept = default;
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;
  ~SocketServer();

  /// An epoll descriptor: readable when turn() has work.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  void turn();
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }

  static constexpr std::size_t kMostLine = 64 * 1024;
  static constexpr std::size_t kMostWriterLine = 16U << 20;
  static constexpr std::size_t kMostClients = 64;
  static constexpr std::size_t kMostUnread = 64U << 20;

 private:
  struct Client {
    sys::UniqueFd fd;
    Peer peer = Peer::kReader;
    std::string in;
    std::string out;
    bool skipping = false;  // the rest of a line that was too long
    bool ended = false;     // the peer sends no more
  };

  SocketServer() = default;
  void accept_clients();
  bool serve(Client& client, std::uint32_t events);
  bool read_lines(Client& client);
  static bool write_out(Client& client);
  void watch(const Client& client, int operation) const;

  std::string path_;
  Answer answer_;
  sys::UniqueFd epoll_;
  sys::UniqueFd listener_;
  std::map<int, Client> clients_;
};

}  // namespace fairlead::api
