// SPDX-License-Identifier: BSD-3-Clause
// open, fstat, read.
#include "dataplane/sys/input_file.hh"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>

namespace fairlead::sys {
namespace {

tl::unexpected<base::Error> unreadable(const std::string& place, int error) {
  return base::invalid(
      place + ": cannot read: " + std::system_category().message(error) + ", check the path"
  );
}

/// `place`: how messages name the file.
base::Result<UniqueFd> open_at(
    const std::string& path, const std::string& place, std::string_view wanted
) {
  if (path.empty()) {
    return base::invalid("the path of an input is empty, name " + std::string(wanted));
  }
  if (path.find('\0') != std::string::npos) {
    return base::invalid(place + ": the path has a zero byte, name " + std::string(wanted));
  }
  // NONBLOCK: a pipe without a writer must not hold us until we see that it is one.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) return unreadable(place, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return unreadable(place, errno);
  if (!S_ISREG(info.st_mode)) {
    return base::invalid(place + ": is not a regular file, name " + std::string(wanted));
  }
  return file;
}

}  // namespace

base::Result<UniqueFd> open_input(const std::string& path, std::string_view wanted) {
  return open_at(path, path, wanted);
}

base::Result<std::string> read_input(
    const std::string& path, std::size_t most, std::string_view wanted
) {
  const std::string place = path + ":1";
  FL_ASSIGN(const UniqueFd file, open_at(path, path, wanted));
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(place, errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    // Counted while reading: files of /proc say that they are empty.
    if (text.size() > most) {
      const std::string limit =
          most < (1U << 20) ? std::to_string(most) + " bytes" : std::to_string(most >> 20) + " MiB";
      return base::invalid(place + ": larger than " + limit + ", name " + std::string(wanted));
    }
  }
}

}  // namespace fairlead::sys
