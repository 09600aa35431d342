// SPDX-License-Identifier: BSD-3-Clause
// One port: where packets come in and go out again, by pairs of a receive and a transmit queue.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rte_ethdev.h>

#include "dataplane/base/result.hh"
#include "dataplane/checksums.hh"
#include "dataplane/flow_rules.hh"
#include "dataplane/net/addr.hh"
#include "dataplane/pool.hh"
#include "dataplane/rss.hh"
#include "dataplane/sizing.hh"
#include "dataplane/xdp_files.hh"

namespace fairlead::dataplane {

/// A queue pair. One worker at a time has it, and nobody else may touch it meanwhile.
struct Queue {
  std::uint16_t ethdev = 0;
  std::uint16_t queue = 0;
  friend bool operator==(const Queue&, const Queue&) = default;
};

/// SOCKET_ID_ANY as rte_ethdev's functions take it: unsigned.
inline constexpr auto kAnySocket = static_cast<unsigned>(-1);

/// Buffers of a punt tap.
inline constexpr std::uint32_t kTapBuffers = 1023;

/// How many queues a port is to have, and how many it must have at least.
struct QueueCount {
  unsigned wanted = 1;  // one for each worker that there may ever be
  unsigned least = 1;   // one for each worker that there is
};

/// The queue pairs that `device` will get, before it is opened. An interface that the kernel owns
/// too has as many as the kernel says (all of them must be served, or a part of its packets is not
/// ours); every other device gets `count.wanted`. Error: fewer than `count.least`.
base::Result<unsigned> queues_of(const std::string& device, const QueueCount& count);

/// What the configuration says of a port besides its device and queues.
struct PortWishes {
  model::Checksums checksums = model::Checksums::kSoftware;
  std::uint32_t mtu = 0;  // 0: as the device has it
};

/// A configured, started port. Main thread; queues are handed to workers.
class Port {
 public:
  /// Opens `device` (as configured; EAL knows queue_devices() of it) with up to `count.wanted`
  /// queues, each with its own pool. `number` is its position in the configuration. After an error
  /// nothing of it is left.
  static base::Result<Port> open(
      const std::string& device,
      unsigned number,
      const QueueCount& count,
      const PortWishes& wishes = {}
  );
  /// For a device that EAL was not started with: makes it known to EAL first.
  static base::Result<Port> plug(
      const std::string& device,
      unsigned number,
      const QueueCount& count,
      const PortWishes& wishes = {}
  );
  Port(Port&&) = default;
  Port& operator=(Port&&) = delete;
  /// Stops and closes at once, so that the next owner of the queues can bind them.
  ~Port() { close(); }
  void close();
  /// close(), and EAL forgets the devices and their buffers. Requires: no buffer of its pools is in
  /// use.
  void unplug();

  /// Spreads what is received over these queues only, each getting an equal share: rewrites the
  /// indirection table and the rules for vips. True if packets may come to other queues than
  /// before.
  bool spread_to(const std::vector<unsigned>& queues);
  /// Rules for these vips from now on. True as above.
  bool follow_vips(const std::vector<VipMatch>& vips);

  [[nodiscard]] const std::string& device() const { return device_; }
  [[nodiscard]] unsigned queues() const { return static_cast<unsigned>(queues_.size()); }
  [[nodiscard]] Queue queue(unsigned number) const { return queues_[number]; }
  /// These two as they were when the port was opened.
  [[nodiscard]] const net::MacAddr& mac() const { return mac_; }
  [[nodiscard]] std::uint16_t mtu() const { return mtu_; }
  [[nodiscard]] const std::string& driver() const { return driver_; }
  [[nodiscard]] const QueueSizes& sizes() const { return sizes_; }
  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] const RssPlan& rss() const { return rss_; }
  [[nodiscard]] const ChecksumPlan& checksums() const { return checksums_; }
  [[nodiscard]] const FlowRules& rules() const { return *rules_; }
  /// Entries of the indirection table, by index their queue; empty: the port has none.
  [[nodiscard]] const std::vector<unsigned>& table() const { return table_; }
  /// Why the device kept its indirection table when it was to be rewritten; empty: it did not.
  /// Every queue has a worker all the same: shares are unequal, nothing is lost.
  [[nodiscard]] const std::string& kept_table_because() const { return kept_table_because_; }
  [[nodiscard]] fl_port_steering steering() const;
  /// Set if the kernel owns the interface too.
  [[nodiscard]] const std::optional<std::string>& interface() const { return interface_; }
  [[nodiscard]] const std::vector<std::uint16_t>& ethdevs() const { return ethdevs_; }

 private:
  Port() = default;
  base::Result<void> set_up(const QueueCount& count);
  void free_pools();
  base::Result<void> find_devices(unsigned queues);
  base::Result<void> make_pools(unsigned queues);
  base::Result<void> configure(std::uint16_t ethdev, unsigned first_queue, unsigned queues);
  [[nodiscard]] base::Result<void> refused_mtu(const rte_eth_dev_info& info) const;
  int try_start(std::uint16_t ethdev, unsigned first_queue, unsigned queues);
  base::Result<void> read_link();

  std::string device_;
  unsigned number_ = 0;
  std::vector<std::uint16_t> ethdevs_;
  std::vector<Queue> queues_;
  std::vector<rte_mempool*> pools_;
  XdpFiles xdp_files_;  // that the driver opened for this port
  QueueSizes sizes_;
  int socket_ = SOCKET_ID_ANY;
  RssPlan rss_;
  PortWishes wishes_;
  int mtu_refusal_ = 0;  // what the device said to wishes_.mtu, negative; 0: nothing, or yes
  ChecksumPlan checksums_;
  std::vector<unsigned> table_;
  std::string kept_table_because_;
  std::unique_ptr<FlowRules> rules_ = std::make_unique<FlowRules>();
  std::vector<VipMatch> vips_;
  std::vector<std::uint16_t> spread_;
  net::MacAddr mac_;
  std::uint16_t mtu_ = 1500;
  std::string driver_;
  std::optional<std::string> interface_;
};

/// "one-queue", "device", "rss", "rules".
const char* to_string(fl_port_steering steering);

}  // namespace fairlead::dataplane
