// SPDX-License-Identifier: BSD-3-Clause
// Regions as BPF maps: arrays of 64-byte lines that an XDP program looks up and processes map.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::shm {

/// The pin of the region that is called `path`: PATH's folder has a BPF file system "bpf" (the one
/// that fairlead-control mounts for its gate), and the pin lies in it under the same name, with
/// dots, which a BPF file system does not allow, as underscores. Empty if there is no such file
/// system: then the region is a file.
std::string map_pin_of(const std::string& path);

/// A new array of lines (BPF_F_MMAPABLE, Linux 5.5), all zero. The kernel takes its memory at once.
/// Errors: kPermissionDenied (needs CAP_BPF), kResourceExhausted.
base::Result<sys::UniqueFd> create_line_map(const std::string& name, std::uint64_t bytes);

/// The map at a pin. Errors: kNotFound; kDataLoss when it is no array of lines.
base::Result<sys::UniqueFd> open_line_map(const std::string& pin);

/// Gives the map the name `pin`, in place of what has it now: nobody ever finds none.
base::Result<bool> pin_line_map(int fd, const std::string& pin);

struct LineMap {
  std::uint32_t id = 0;  // 0: the descriptor is no map
  std::uint64_t bytes = 0;
};
LineMap describe_line_map(int fd);

}  // namespace fairlead::shm
