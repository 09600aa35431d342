// SPDX-License-Identifier: BSD-3-Clause
// `clear stats port`: what a port's counters said then. The device's own are never set to 0.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include <rte_ethdev.h>

#include "dataplane/base/clock.hh"
#include "dataplane/port_watch.hh"

namespace fairlead::dataplane {

/// Main thread only.
struct PortBaseline {
  base::Nanoseconds taken = 0;  // 0: never
  PortCounters sum;
  std::map<std::uint16_t, rte_eth_stats> devices;
  std::map<std::pair<std::uint16_t, std::uint64_t>, std::uint64_t> xstats;  // by device and id
};

}  // namespace fairlead::dataplane
