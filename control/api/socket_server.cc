// SPDX-License-Identifier: BSD-3-Clause
// Line by line over a UNIX stream socket.
#include "control/api/socket_server.hh"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/api/request.hh"

namespace fairlead::api {

Peer peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return Peer::kReader;
  const bool may = credentials.uid == 0 || credentials.uid == ::geteuid();
  return may ? Peer::kWriter : Peer::kReader;
}

base::Result<sys::UniqueFd> bind_unix(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) {
    return base::invalid("socket path " + path + " is too long, choose a shorter node.runtime_dir");
  }
  std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
  sys::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener.valid()) return base::system_error("make socket " + path, errno);
  (void)::unlink(path.c_str());
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    return base::system_error("bind " + path, errno);
  (void)::chmod(path.c_str(), 0666);
  if (::listen(listener.get(), 64) != 0) return base::system_error("listen on " + path, errno);
  return listener;
}

base::Result<SocketServer> SocketServer::listen(const std::string& path, Answer answer) {
  SocketServer server;
  server.path_ = path;
  server.answer_ = std::move(answer);
  server.epoll_ = sys::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!server.epoll_.valid()) return base::system_error("make socket " + path, errno);
  FL_ASSIGN(server.listener_, bind_unix(path));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = server.listener_.get();
  (void)::epoll_ctl(server.epoll_.get(), EPOLL_CTL_ADD, server.listener_.get(), &event);
  return server;
}

SocketServer::~SocketServer() {
  if (listener_.valid()) (void)::unlink(path_.c_str());
}

void SocketServer::turn() {
  std::array<epoll_event, 32> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == listener_.get()) {
      accept_clients();
      continue;
    }
    const auto client = clients_.find(event.data.fd);
    if (client == clients_.end()) continue;
    if (serve(client->second, event.events)) {
      watch(client->second, EPOLL_CTL_MOD);
    } else {
      clients_.erase(client);
    }
  }
}

void SocketServer::accept_clients() {
  for (;;) {
    sys::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) return;
    if (clients_.size() >= kMostClients) continue;  // closed: the client sees the end at once
    const int number = fd.get();
    Client client;
    client.peer = peer_of(number);
    client.fd = std::move(fd);
    watch(clients_.insert_or_assign(number, std::move(client)).first->second, EPOLL_CTL_ADD);
  }
}

void SocketServer::watch(const Client& client, int operation) const {
  epoll_event event{};
  event.events = (client.out.empty() ? 0U : EPOLLOUT) | (client.ended ? 0U : EPOLLIN);
  event.data.fd = client.fd.get();
  (void)::epoll_ctl(epoll_.get(), operation, client.fd.get(), &event);
}

// False: the client is to be closed.
bool SocketServer::serve(Client& client, std::uint32_t events) {
  if ((events & EPOLLIN) != 0 && !read_lines(client)) return false;
  if (!write_out(client)) return false;
  const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLIN) == 0;
  return !broken && !(client.ended && client.out.empty());
}

bool SocketServer::read_lines(Client& client) {
  char buffer[16 * 1024];
  const auto got = ::recv(client.fd.get(), buffer, sizeof buffer, 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) client.ended = true;
  client.in.append(buffer, static_cast<std::size_t>(got));
  // Only what is new can hold the line's end: a long line comes in many pieces.
  const std::size_t old = client.in.size() - static_cast<std::size_t>(got);
  for (auto end = client.in.find('\n', old); end != std::string::npos; end = client.in.find('\n')) {
    const std::string line = client.in.substr(0, end);
    client.in.erase(0, end + 1);
    if (!client.skipping) client.out += answer_(line, client.peer) + "\n";
    client.skipping = false;
    if (client.out.size() > kMostUnread) return false;
  }
  const bool writer = client.peer == Peer::kWriter;
  if (client.in.size() <= (writer ? kMostWriterLine : kMostLine) && !client.skipping) return true;
  // Read away, not cut off: whoever still sends would be reset before it sees why.
  if (!client.skipping) {
    const std::string most = writer ? "16 MiB" : "64 KiB";
    const base::Error error{base::ErrorCode::kInvalidArgument, "line longer than " + most};
    client.out += error_reply(error) + "\n";
  }
  client.in.clear();
  client.skipping = true;
  return true;
}

bool SocketServer::write_out(Client& client) {
  while (!client.out.empty()) {
    const auto sent =
        ::send(client.fd.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    client.out.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace fairlead::api
