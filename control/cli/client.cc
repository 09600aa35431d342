// SPDX-License-Identifier: BSD-3-Clause
// Connect, send a line, read a line, all against one deadline.
#include "control/cli/client.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::cli {
namespace {

using Clock = std::chrono::steady_clock;
using base::ErrorCode;

constexpr std::size_t kLongestReply = 64U << 20;

std::string who(const std::string& path) {
  return "daemon at " + path;
}

/// Waits for `events`. Error: the deadline has passed.
base::Result<void> wait_for(
    int fd, short events, Clock::time_point deadline, const std::string& path
) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() > 0) {
      pollfd waiting{fd, events, 0};
      const int ready = poll(&waiting, 1, static_cast<int>(left.count()));
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return base::system_error("wait for " + who(path), errno);
      if (ready < 0) return base::fail(ErrorCode::kUnavailable, "interrupted");
    }
    if (Clock::now() >= deadline) {
      return base::fail(
          ErrorCode::kUnavailable, who(path) + " did not answer in time; is it busy or stopped?"
      );
    }
  }
}

base::Result<sys::UniqueFd> connect_to(const std::string& path, Clock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return base::invalid("socket path " + path + " is longer than 107 bytes");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  sys::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return base::system_error("socket", errno);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  while (connect(fd.get(), generic, sizeof address) != 0) {
    switch (errno) {
      case EAGAIN:  // its queue is full; it becomes free without an event, so ask again
        if (Clock::now() >= deadline) {
          return base::fail(
              ErrorCode::kUnavailable, who(path) + " takes no connection: it is busy"
          );
        }
        poll(nullptr, 0, 10);
        break;
      case EINTR:
        break;
      case ENOENT:
        return base::fail(
            ErrorCode::kUnavailable, "no " + who(path) + ": no such file; is it running?"
        );
      case ECONNREFUSED: {
        struct stat info {};
        if (::stat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
          return base::invalid(path + " is not a socket; name a node's control.sock");
        }
        return base::fail(
            ErrorCode::kUnavailable,
            "no " + who(path) + ": the socket is there but nobody listens; start it again"
        );
      }
      default:
        return base::system_error("connect to " + who(path), errno);
    }
  }
  return fd;
}

base::Result<void> send_line(
    int fd, const std::string& line, Clock::time_point deadline, const std::string& path
) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t n = send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      FL_TRY(wait_for(fd, POLLOUT, deadline, path));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return {};  // a server that refuses the client answers at once and closes: read why
    } else if (errno != EINTR) {
      return base::system_error("send to " + who(path), errno);
    }
  }
  return {};
}

base::Result<std::string> read_line(int fd, Clock::time_point deadline, const std::string& path) {
  std::string line;
  char buffer[16384];
  for (;;) {
    FL_TRY(wait_for(fd, POLLIN, deadline, path));
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET)) {
      return base::fail(
          ErrorCode::kUnavailable, who(path) + " closed the connection without an answer"
      );
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      return base::system_error("read from " + who(path), errno);
    }
    if (n < 0) continue;
    const std::size_t from = line.size();
    line.append(buffer, static_cast<std::size_t>(n));
    if (const std::size_t end = line.find('\n', from); end != std::string::npos) {
      line.resize(end);
      return line;
    }
    if (line.size() > kLongestReply) {
      return base::fail(
          ErrorCode::kDataLoss, who(path) + " sent more than 64 MiB without a line end"
      );
    }
  }
}

ErrorCode code_named(std::string_view name) {
  constexpr ErrorCode kAll[] = {
      ErrorCode::kInvalidArgument,
      ErrorCode::kNotFound,
      ErrorCode::kAlreadyExists,
      ErrorCode::kFailedPrecondition,
      ErrorCode::kPermissionDenied,
      ErrorCode::kResourceExhausted,
      ErrorCode::kUnavailable,
      ErrorCode::kDataLoss,
      ErrorCode::kInternal,
  };
  for (const ErrorCode code : kAll) {
    if (base::to_string(code) == name) return code;
  }
  return ErrorCode::kInternal;
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

std::string text_of(const nlohmann::json& object, const char* key, const char* otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

}  // namespace

base::Result<nlohmann::json> ask(
    const std::string& socket_path,
    std::string_view command,
    const nlohmann::json& arguments,
    std::chrono::milliseconds timeout
) {
  const Clock::time_point deadline = Clock::now() + timeout;
  nlohmann::json request = {{"command", command}};
  if (!arguments.empty()) request["arguments"] = arguments;
  using Handler = nlohmann::json::error_handler_t;
  const std::string line = request.dump(-1, ' ', false, Handler::replace) + "\n";

  FL_ASSIGN(const sys::UniqueFd fd, connect_to(socket_path, deadline));
  FL_TRY(send_line(fd.get(), line, deadline, socket_path));
  FL_ASSIGN(const std::string answer, read_line(fd.get(), deadline, socket_path));

  nlohmann::json reply = nlohmann::json::parse(answer, nullptr, false);
  const auto ok = reply.is_object() ? reply.find("ok") : reply.end();
  if (!reply.is_object() || ok == reply.end() || !ok->is_boolean()) {
    return base::fail(ErrorCode::kDataLoss, who(socket_path) + " sent an answer that is no reply");
  }
  if (!ok->get<bool>()) {
    return base::fail(
        code_named(text_of(reply, "code", "internal")),
        one_line(text_of(reply, "message", "the daemon refused without a reason"))
    );
  }
  const auto result = reply.find("result");
  return result == reply.end() ? nlohmann::json::object() : *result;
}

}  // namespace fairlead::cli
