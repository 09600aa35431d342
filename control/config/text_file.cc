// SPDX-License-Identifier: BSD-3-Clause
// open, fstat, read.
#include "control/config/text_file.hh"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fairlead::config {
namespace {

struct Descriptor {
  int fd;
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

tl::unexpected<base::Error> unreadable(const std::string& path, int error) {
  return base::invalid(path + ":1: cannot read: " + std::strerror(error) + ", check the path");
}

}  // namespace

base::Result<std::string> read_text_file(const std::string& path, std::size_t most) {
  if (path.empty()) return base::invalid("the configuration's path is empty, name a YAML file");
  // NONBLOCK: a pipe without a writer must not hold us until we see that it is one.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file.fd < 0) return unreadable(path, errno);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return unreadable(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return base::invalid(path + ":1: is not a file, name a YAML file");
  }
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(file.fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    // Counted while reading: files of /proc say that they are empty.
    if (text.size() > most) {
      return base::invalid(
          path + ":1: larger than " + std::to_string(most >> 20) + "MiB, this is no configuration"
      );
    }
  }
}

}  // namespace fairlead::config
