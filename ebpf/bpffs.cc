// SPDX-License-Identifier: BSD-3-Clause
// Mounts the BPF file system and turns libbpf's messages into error texts.
#include "ebpf/bpffs.hh"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <vector>

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <bpf/libbpf.h>

namespace fairlead::ebpf {
namespace {

std::mutex message_mutex;
std::string last_message;  // guarded by message_mutex

[[gnu::format(printf, 2, 0)]] int remember_warning(
    libbpf_print_level level, const char* format, va_list arguments
) {
  if (level != LIBBPF_WARN) return 0;
  char text[512];
  const int length = std::vsnprintf(text, sizeof text, format, arguments);
  std::string line(text);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  const std::lock_guard lock(message_mutex);
  last_message = line;
  return length;
}

bool is_bpffs(const std::string& dir) {
  struct statfs s {};
  return ::statfs(dir.c_str(), &s) == 0 && static_cast<unsigned long>(s.f_type) == BPF_FS_MAGIC;
}

bool is_mount_point(const std::string& dir) {
  struct stat here {};
  struct stat above {};
  return ::stat(dir.c_str(), &here) == 0 && ::stat((dir + "/..").c_str(), &above) == 0 &&
         here.st_dev != above.st_dev;
}

/// True if nothing is pinned: the kernel itself puts maps.debug and progs.debug into every bpffs.
bool nothing_pinned(const std::string& dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    if (entry.path().extension() != ".debug") return false;
  }
  return !error;
}

}  // namespace

base::Result<bool> ensure_bpffs(const std::string& dir) {
  std::error_code error;
  const std::filesystem::path path(dir);
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (error) return base::system_error("create " + path.parent_path().string(), error.value());
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return base::system_error("create " + dir, errno);
  }
  if (is_bpffs(dir)) return false;
  if (::mount("bpf", dir.c_str(), "bpf", 0, "mode=0700") != 0) {
    return base::system_error("mount a BPF file system on " + dir + " (needs root)", errno);
  }
  return true;
}

void remove_empty_bpffs(const std::string& dir) {
  if (!is_bpffs(dir) || !nothing_pinned(dir)) return;
  if (is_mount_point(dir) && ::umount(dir.c_str()) != 0) return;
  ::rmdir(dir.c_str());
}

base::Result<std::vector<std::string>> remove_bpffs(const std::string& dir) {
  std::vector<std::string> names;
  if (!is_bpffs(dir)) return names;
  std::error_code error;
  std::vector<std::filesystem::path> pins;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    if (entry.path().extension() != ".debug") pins.push_back(entry.path());
  }
  for (const auto& pin : pins) {
    if (::unlink(pin.c_str()) != 0) return base::system_error("remove " + pin.string(), errno);
    names.push_back(pin.filename().string());
  }
  remove_empty_bpffs(dir);
  return names;
}

void capture_libbpf_messages() {
  libbpf_set_print(remember_warning);
}

tl::unexpected<base::Error> bpf_error(const std::string& doing, int errno_value) {
  std::string message;
  {
    const std::lock_guard lock(message_mutex);
    message.swap(last_message);
  }
  auto error = base::system_error(doing, errno_value);
  if (!message.empty()) error.value().what += " (" + message + ")";
  return error;
}

}  // namespace fairlead::ebpf
