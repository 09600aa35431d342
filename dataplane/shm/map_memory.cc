// SPDX-License-Identifier: BSD-3-Clause
// Making, finding and naming the maps behind regions.
#include "dataplane/shm/map_memory.hh"

#include <algorithm>
#include <cerrno>

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/steer/abi.h"

namespace fairlead::shm {

using base::ErrorCode;
using base::system_error;

std::string map_pin_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {};
  const std::string folder = path.substr(0, slash) + "/bpf";
  struct statfs system {};
  if (::statfs(folder.c_str(), &system) != 0) return {};
  if (static_cast<unsigned long>(system.f_type) != BPF_FS_MAGIC) return {};
  std::string name = path.substr(slash + 1);
  std::replace(name.begin(), name.end(), '.', '_');
  return folder + "/" + name;
}

base::Result<sys::UniqueFd> create_line_map(const std::string& name, std::uint64_t bytes) {
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = BPF_F_MMAPABLE;
  const auto lines = static_cast<std::uint32_t>((bytes + FL_LINE_BYTES - 1) / FL_LINE_BYTES);
  sys::UniqueFd fd(bpf_map_create(
      BPF_MAP_TYPE_ARRAY,
      ("fl_" + name).c_str(),
      sizeof(std::uint32_t),
      FL_LINE_BYTES,
      lines,
      &options
  ));
  if (fd.valid()) return fd;
  return system_error(
      "make BPF map '" + name + "' of " + std::to_string(bytes >> 10) + " KiB", errno
  );
}

base::Result<sys::UniqueFd> open_line_map(const std::string& pin) {
  sys::UniqueFd fd(bpf_obj_get(pin.c_str()));
  if (!fd.valid()) return system_error("open region " + pin, errno);
  if (describe_line_map(fd.get()).id == 0)
    return base::fail(
        ErrorCode::kDataLoss, "region " + pin + " is no BPF array of 64-byte lines: remove it"
    );
  return fd;
}

base::Result<bool> pin_line_map(int fd, const std::string& pin) {
  const std::string fresh = pin + "_new_" + std::to_string(::getpid());
  ::unlink(fresh.c_str());
  if (bpf_obj_pin(fd, fresh.c_str()) != 0) return system_error("pin region " + fresh, errno);
  if (::rename(fresh.c_str(), pin.c_str()) == 0) return true;
  const int error = errno;
  ::unlink(fresh.c_str());
  return system_error("name region " + pin, error);
}

LineMap describe_line_map(int fd) {
  bpf_map_info info{};
  std::uint32_t length = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return {};
  const bool lines = info.type == BPF_MAP_TYPE_ARRAY && info.value_size == FL_LINE_BYTES &&
                     (info.map_flags & BPF_F_MMAPABLE) != 0;
  if (!lines) return {};
  return {info.id, std::uint64_t{info.max_entries} * FL_LINE_BYTES};
}

}  // namespace fairlead::shm
