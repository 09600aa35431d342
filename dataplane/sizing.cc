// SPDX-License-Identifier: BSD-3-Clause
// Arithmetic of rings and buffers.
#include "dataplane/sizing.hh"

#include <algorithm>

#include <rte_mbuf.h>

namespace fairlead::dataplane {
namespace {

constexpr std::uint16_t kDescriptors = 1024;
constexpr std::uint16_t kAfXdpDescriptors = 2048;  // the driver's own: its rings are no smaller
constexpr std::uint32_t kInHand = 512;             // bursts and punted packets

bool is_af_xdp(const std::string& device) {
  return device.rfind("net_af_xdp", 0) == 0;
}

std::uint16_t fit(
    std::uint16_t wanted, std::uint16_t least, std::uint16_t most, std::uint16_t align
) {
  const std::uint32_t step = std::max<std::uint16_t>(align, 1);
  const std::uint32_t up = (wanted + step - 1) / step * step;
  const std::uint32_t top = most == 0 ? 65535 : most / step * step;
  return static_cast<std::uint16_t>(
      std::clamp<std::uint32_t>(up, std::min<std::uint32_t>(least, top), top)
  );
}

}  // namespace

QueueSizes size_queue(const std::string& device, const DeviceLimits& limits, unsigned halvings) {
  const bool af_xdp = is_af_xdp(device);
  const auto wanted = static_cast<std::uint16_t>(
      af_xdp ? kAfXdpDescriptors : std::max(kDescriptors >> halvings, int{kFewestDescriptors})
  );
  QueueSizes sizes;
  sizes.rx_descriptors = fit(wanted, limits.rx_min, limits.rx_max, limits.rx_align);
  sizes.tx_descriptors = fit(wanted, limits.tx_min, limits.tx_max, limits.tx_align);
  // AF_XDP: fill ring, packets received and not yet read, packets sent and not yet completed.
  const std::uint32_t held = std::uint32_t{sizes.rx_descriptors} * (af_xdp ? 2 : 1);
  // 2^n - 1 buffers would be best for a mempool; a few hundred bytes do not matter here.
  sizes.buffers = held + sizes.tx_descriptors + kInHand + 2 * kPoolCache - 1;
  return sizes;
}

bool may_halve(const QueueSizes& sizes, const std::string& device) {
  return !is_af_xdp(device) && sizes.rx_descriptors > kFewestDescriptors;
}

std::uint32_t buffer_memory_mb(std::uint64_t buffers) {
  constexpr std::uint64_t kBytes = sizeof(rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE + 128;
  constexpr std::uint64_t kBase = 24;  // ethdev data, rings, malloc's own
  return static_cast<std::uint32_t>((buffers * kBytes * 9 / 8 >> 20) + kBase);
}

}  // namespace fairlead::dataplane
