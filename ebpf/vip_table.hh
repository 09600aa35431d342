// SPDX-License-Identifier: BSD-3-Clause
// The vips that an XDP program serves: from values to the entries of its maps.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/result.hh"
#include "dataplane/net/addr.hh"
#include "ebpf/include/vip_match.h"

namespace fairlead::ebpf {

struct ServedVip {
  net::Prefix prefix;
  net::IpProto protocol = net::IpProto::kTcp;
  std::uint16_t port = 0;  // host order; 0: any
  bool kernel_echoes = false;
  friend bool operator==(const ServedVip&, const ServedVip&) = default;
};

/// Entries for the maps of include/vip_match.h.
struct VipTable {
  std::vector<fl_vip_shape> shapes;  // most specific first: longer prefix, then exact port
  std::vector<fl_vip_key> keys;      // each once
  std::vector<fl_vip_key> quiet;     // of these, addresses whose echo requests are the kernel's
};

/// Refuses protocols other than TCP and UDP, more than FL_MAX_VIPS vips and more than FL_MAX_SHAPES
/// shapes.
base::Result<VipTable> build_vip_table(std::span<const ServedVip> vips);

/// Writes a table into the maps of a running program. New vips match and old ones stop matching
/// without any packet of an unchanged vip being missed: keys are added, the shapes flipped, then
/// stale keys removed. One writer at a time.
base::Result<void> write_vip_table(const VipTable& table, int vips_fd, int shapes_fd);

}  // namespace fairlead::ebpf
