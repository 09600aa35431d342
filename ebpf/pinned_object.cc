// SPDX-License-Identifier: BSD-3-Clause
// Pins maps and sums per-CPU counters.
#include "ebpf/pinned_object.hh"

#include <cerrno>
#include <numeric>

#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "ebpf/bpffs.hh"

namespace fairlead::ebpf {

base::Result<void> pin_maps(bpf_object* object, const std::string& dir) {
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(object, map)) != nullptr) {
    const std::string path = dir + "/" + bpf_map__name(map);
    if (const int r = bpf_map__set_pin_path(map, path.c_str()); r != 0) {
      return bpf_error("set pin path " + path, -r);
    }
  }
  return {};
}

void unpin_maps(bpf_object* object, const std::string& dir) {
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(object, map)) != nullptr) {
    ::unlink((dir + "/" + bpf_map__name(map)).c_str());
  }
}

base::Result<std::vector<std::uint64_t>> read_counters(int map_fd, std::uint32_t count) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return bpf_error("count CPUs", -cpus);
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(cpus));
  std::vector<std::uint64_t> sums;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (bpf_map_lookup_elem(map_fd, &i, per_cpu.data()) != 0) return bpf_error("read counter", errno);
    sums.push_back(std::accumulate(per_cpu.begin(), per_cpu.end(), std::uint64_t{0}));
  }
  return sums;
}

}  // namespace fairlead::ebpf
