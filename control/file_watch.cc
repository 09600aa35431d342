// SPDX-License-Identifier: BSD-3-Clause
// inotify on the folder.
#include "control/file_watch.hh"

#include <cerrno>
#include <cstring>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fairlead::control {

FileWatch::FileWatch(const std::string& path)
    : path_(path), fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  const auto slash = path.rfind('/');
  name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE;
  if (!fd_.valid() || ::inotify_add_watch(fd_.get(), folder.c_str(), kEvents) < 0) {
    error_ = "cannot watch " + folder + ": " + std::strerror(errno);
    fd_.reset();
  }
}

bool FileWatch::changed() {
  alignas(inotify_event) char buffer[4096];
  bool ours = false;
  struct stat info {};
  const bool link = ::lstat(path_.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
  for (;;) {
    const ssize_t got = fd_.valid() ? ::read(fd_.get(), buffer, sizeof buffer) : -1;
    if (got <= 0) return ours;
    for (const char* at = buffer; at < buffer + got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      const bool lost = (event->mask & IN_Q_OVERFLOW) != 0;
      const bool named = event->len > 0 && name_ == event->name;
      // A plain file that was only made is still empty: it counts when it is closed.
      const bool only_made = (event->mask & IN_CREATE) != 0 && !link;
      ours = ours || lost || link || (named && !only_made);
    }
  }
}

}  // namespace fairlead::control
