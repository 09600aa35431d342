// SPDX-License-Identifier: BSD-3-Clause
// Lines of "NNNN-text" that go on and "NNNN text" that end an answer; 8 and 9 in front: no.
#include "control/routes/bird.hh"

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::routes {
namespace {

constexpr std::size_t kMostAnswer = 1 << 20;

/// The line that ends an answer; "": there is none yet.
std::string_view last_line(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return "";
    const std::string_view line = text.substr(0, end);
    const bool code = line.size() >= 5 && std::isdigit(static_cast<unsigned char>(line[0])) != 0;
    if (code && line[4] == ' ') return line;
    text.remove_prefix(end + 1);
  }
  return "";
}

base::Result<std::string> read_answer(int fd) {
  std::string out;
  std::array<char, 4096> part{};
  while (last_line(out).empty() && out.size() < kMostAnswer) {
    const ssize_t count = ::read(fd, part.data(), part.size());
    if (count <= 0) return base::fail(base::ErrorCode::kUnavailable, "BIRD does not answer");
    out.append(part.data(), static_cast<std::size_t>(count));
  }
  return out;
}

}  // namespace

base::Result<bool> bird_verdict(const std::string& answer) {
  const std::string_view last = last_line(answer);
  if (last.empty()) return base::fail(base::ErrorCode::kUnavailable, "BIRD's answer has no end");
  if (last[0] != '8' && last[0] != '9') return true;
  const std::string text(last.substr(5));
  // 8003: no protocols match.
  const bool unknown = last.starts_with("8003");
  return base::fail(
      unknown ? base::ErrorCode::kNotFound : base::ErrorCode::kInternal, "BIRD says: " + text
  );
}

base::Result<bool> switch_bird(
    const std::string& socket, const std::string& protocols, bool enable
) {
  const sys::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return base::system_error("make a socket", errno);
  const timeval second{1, 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (socket.size() >= sizeof at.sun_path)
    return base::invalid("routes.bird: " + socket + " is too long for a socket");
  std::memcpy(at.sun_path, socket.c_str(), socket.size() + 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    return base::fail(
        base::ErrorCode::kUnavailable, "BIRD at " + socket + ": " + std::strerror(errno)
    );
  }
  FL_TRY(read_answer(fd.get()));  // its greeting
  const std::string line = std::string(enable ? "enable" : "disable") + " \"" + protocols + "\"\n";
  if (::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return base::fail(base::ErrorCode::kUnavailable, "BIRD at " + socket + " hangs");
  FL_ASSIGN(const std::string answer, read_answer(fd.get()));
  return bird_verdict(answer);
}

}  // namespace fairlead::routes
