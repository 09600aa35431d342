// SPDX-License-Identifier: BSD-3-Clause
// How many queues, descriptors and buffers a port gets: computed, and told at the start.
#pragma once

#include <cstdint>
#include <string>

namespace fairlead::dataplane {

/// What one queue pair of a port has.
struct QueueSizes {
  std::uint16_t rx_descriptors = 0;
  std::uint16_t tx_descriptors = 0;
  /// What the driver holds for receiving, what waits for transmission, and what a worker has in
  /// hand (bursts, its cache of free buffers, punted packets).
  std::uint32_t buffers = 0;
};

/// What a device can take; as rte_eth_dev_info says, before it is opened: unlimited.
struct DeviceLimits {
  std::uint16_t rx_max = 65535;
  std::uint16_t rx_min = 0;
  std::uint16_t rx_align = 1;
  std::uint16_t tx_max = 65535;
  std::uint16_t tx_min = 0;
  std::uint16_t tx_align = 1;
};

inline constexpr unsigned kPoolCache = 256;
inline constexpr std::uint16_t kFewestDescriptors = 256;

/// Rings hold a millisecond of a million packets a second, the longest that a worker may be away
/// (a new generation, a descheduled core); AF_XDP's are no smaller than 2048. `halvings`: so often
/// was memory too short for more. The sizes respect the device's limits. Pure.
QueueSizes size_queue(const std::string& device, const DeviceLimits& limits, unsigned halvings);

/// True if another halving would still make a usable ring.
bool may_halve(const QueueSizes& sizes, const std::string& device);

/// Bytes of EAL memory for `buffers` packet buffers, in whole MiB, overhead included.
std::uint32_t buffer_memory_mb(std::uint64_t buffers);

}  // namespace fairlead::dataplane
