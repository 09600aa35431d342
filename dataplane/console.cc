// SPDX-License-Identifier: BSD-3-Clause
// A poll loop over a few UNIX stream sockets.
#include "dataplane/console.hh"

#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/base/printable.hh"
#include "dataplane/sys/json_line.hh"

namespace fairlead::dataplane {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestLine = 64 * 1024;
constexpr std::size_t kMaxClients = 16;
constexpr std::size_t kMostUnread = 4 << 20;  // answers that a client does not fetch
constexpr std::size_t kShown = 60;            // characters of a client's word in a message

std::string error_line(base::ErrorCode code, const std::string& message) {
  const json answer = {
      {"ok", false}, {"code", std::string(base::to_string(code))}, {"message", message}};
  return answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

bool answers(const sockaddr_un& address) {
  const sys::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

base::Result<Console> Console::listen(const std::string& path, Answer answer) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return base::invalid(
        "node.runtime_dir: '" + path +
        "' is longer than a socket's name may be (107 bytes); choose "
        "a shorter folder"
    );
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (answers(address)) {
    return base::fail(
        base::ErrorCode::kAlreadyExists,
        path + ": another process answers here; a runtime folder is one process's, stop that one"
    );
  }
  ::unlink(path.c_str());
  sys::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return base::system_error("make a socket", errno);
  const mode_t before = ::umask(0077);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  if (bound != 0) return base::system_error("bind " + path, error);
  if (::listen(fd.get(), 8) != 0) return base::system_error("listen on " + path, errno);
  return Console(path, std::move(fd), std::move(answer));
}

Console::~Console() {
  if (listener_.valid()) ::unlink(path_.c_str());
}

void Console::accept_client() {
  sys::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  std::string refusal;
  if (!known || (peer.uid != 0 && peer.uid != ::geteuid())) {
    refusal = error_line(
        base::ErrorCode::kPermissionDenied,
        "only root and the user fairlead-dataplane runs as may ask"
    );
  } else if (clients_.size() >= kMaxClients) {
    refusal = error_line(base::ErrorCode::kResourceExhausted, "too many clients; try again");
  }
  if (!refusal.empty()) {
    (void)::send(fd.get(), refusal.data(), refusal.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  clients_.push_back({std::move(fd), {}, {}, false});
}

std::string Console::answer_line(const std::string& line) {
  const auto result = [&]() -> base::Result<json> {
    FL_ASSIGN(const json request, sys::parse_json_object(line));
    for (const auto& item : request.items()) {
      if (item.key() != "command" && item.key() != "arguments") {
        return base::invalid(
            "unknown key " + base::quoted(item.key()) + ", known: command, arguments"
        );
      }
    }
    const auto command = request.find("command");
    if (command == request.end() || !command->is_string()) {
      return base::invalid("'command' is missing or not text, send {\"command\":\"show status\"}");
    }
    const json arguments = request.value("arguments", json::object());
    if (!arguments.is_object()) {
      return base::invalid("'arguments' must be an object, as in {\"vip\":\"web\"}");
    }
    return answer_(command->get<std::string>().substr(0, kShown), arguments);
  }();
  if (!result) return error_line(result.error().code, result.error().what);
  const json answer = {{"ok", true}, {"result", *result}};
  return answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

// A line that is too long is answered at once and read away to its end: what comes after it is
// good.
void Console::take_lines(Client& client) {
  std::size_t end = 0;
  while ((end = client.in.find('\n')) != std::string::npos) {
    if (!client.skipping) client.out += answer_line(client.in.substr(0, end));
    client.skipping = false;
    client.in.erase(0, end + 1);
  }
  if (client.in.size() <= kLongestLine && !client.skipping) return;
  client.in.clear();
  if (!client.skipping) {
    client.out += error_line(base::ErrorCode::kInvalidArgument, "line longer than 64 KiB");
  }
  client.skipping = true;
}

// False: the client is done with.
bool Console::serve(Client& client, short events) {
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
    std::array<char, 4096> chunk;
    const ssize_t got = ::recv(client.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (got > 0) client.in.append(chunk.data(), static_cast<std::size_t>(got));
    take_lines(client);
    if (client.out.size() > kMostUnread) return false;
  }
  while (!client.out.empty()) {
    const ssize_t sent =
        ::send(client.fd.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    client.out.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

bool Console::wait(int timeout_ms, int also) {
  std::vector<pollfd> fds = {{also, POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  for (const Client& c : clients_) {
    fds.push_back({c.fd.get(), static_cast<short>(c.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
  }
  if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
  std::vector<Client> kept;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const short events = fds[i + 2].revents;
    if (events == 0 || serve(clients_[i], events)) kept.push_back(std::move(clients_[i]));
  }
  clients_ = std::move(kept);
  if (fds[1].revents != 0) accept_client();
  return fds[0].revents != 0;
}

}  // namespace fairlead::dataplane
