// SPDX-License-Identifier: BSD-3-Clause
// One port: where packets come in and go out again. One receive and one transmit queue per worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <rte_mempool.h>

#include "dataplane/base/result.hh"
#include "dataplane/net/addr.hh"

namespace fairlead::dataplane {

/// A worker's own queue pair: nobody else may touch it while the worker runs.
struct Queue {
  std::uint16_t ethdev = 0;
  std::uint16_t queue = 0;
};

/// SOCKET_ID_ANY as rte_ethdev's functions take it: unsigned.
inline constexpr auto kAnySocket = static_cast<unsigned>(-1);

/// Buffers that one queue of this device needs: what the driver holds for receiving, what may wait
/// in its transmit ring, and what the worker has in hand. AF_XDP takes 2048 for its fill ring alone
/// and starts with no fewer than 4096.
std::uint32_t buffers_per_queue(const std::string& device);

/// Bytes of EAL memory for `buffers` buffers, in whole MiB, overhead included.
std::uint32_t buffer_memory_mb(std::uint64_t buffers);

/// Buffers of a punt tap.
inline constexpr std::uint32_t kTapBuffers = 1023;

/// A pool of packet buffers (2 KiB of data and 128 bytes of headroom each).
base::Result<rte_mempool*> make_pool(const std::string& name, std::uint32_t buffers);

/// A configured, started port. Main thread; queues are handed to workers before they run.
class Port {
 public:
  /// Opens `device` (as configured; EAL got queue_devices() of it) with one queue per worker, each
  /// with its own pool. `number` is its position in the configuration.
  static base::Result<Port> open(const std::string& device, unsigned number, unsigned workers);
  Port(Port&&) = default;
  Port& operator=(Port&&) = delete;
  /// Stops and closes at once, so that the next owner of the queues can bind them.
  ~Port() { close(); }
  void close();

  [[nodiscard]] const std::string& device() const { return device_; }
  [[nodiscard]] Queue queue(unsigned worker) const { return queues_[worker]; }
  [[nodiscard]] rte_mempool* pool(unsigned worker) const { return pools_[worker]; }
  [[nodiscard]] const net::MacAddr& mac() const { return mac_; }
  [[nodiscard]] std::uint16_t mtu() const { return mtu_; }
  [[nodiscard]] const std::string& driver() const { return driver_; }
  [[nodiscard]] std::uint32_t buffers() const { return buffers_; }
  /// Set if the kernel owns the interface too.
  [[nodiscard]] const std::optional<std::string>& interface() const { return interface_; }
  [[nodiscard]] const std::vector<std::uint16_t>& ethdevs() const { return ethdevs_; }

 private:
  Port() = default;
  base::Result<void> find_devices(unsigned workers);
  base::Result<void> configure(std::uint16_t ethdev, unsigned first_worker, unsigned queues);
  base::Result<void> read_link();

  std::string device_;
  unsigned number_ = 0;
  std::vector<std::uint16_t> ethdevs_;
  std::vector<Queue> queues_;
  std::vector<rte_mempool*> pools_;
  std::uint32_t buffers_ = 0;
  net::MacAddr mac_;
  std::uint16_t mtu_ = 1500;
  std::string driver_;
  std::optional<std::string> interface_;
};

}  // namespace fairlead::dataplane
