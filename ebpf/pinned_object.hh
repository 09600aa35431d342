// SPDX-License-Identifier: BSD-3-Clause
// Steps that both loaders share: pin paths, load with pinned maps, per-CPU counters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/result.hh"

struct bpf_object;

namespace fairlead::ebpf {

/// Pins every map of an opened object at DIR/NAME when it is loaded, or takes the map that is there.
base::Result<void> pin_maps(bpf_object* object, const std::string& dir);

/// Removes the pins of all maps of the object; a missing one is no error.
void unpin_maps(bpf_object* object, const std::string& dir);

/// The `count` values of a per-CPU array of 64-bit counters, summed over CPUs.
base::Result<std::vector<std::uint64_t>> read_counters(int map_fd, std::uint32_t count);

}  // namespace fairlead::ebpf
