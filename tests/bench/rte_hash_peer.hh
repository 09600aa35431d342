// SPDX-License-Identifier: BSD-3-Clause
// DPDK's hash table with the flows of a benchmark, as a peer to measure against.
#pragma once

#include <cstdint>

struct rte_hash;

namespace fairlead::bench {

class RteHashPeer {
 public:
  using HashOf = std::uint64_t (*)(std::uint64_t flow);

  /// Holds flows 0 .. flows-1. The first one made starts the EAL, without devices.
  RteHashPeer(std::uint64_t flows, HashOf hash_of);
  RteHashPeer(const RteHashPeer&) = delete;
  RteHashPeer& operator=(const RteHashPeer&) = delete;
  ~RteHashPeer();

  [[nodiscard]] std::uint64_t flows() const { return flows_; }
  /// False: no memory, or not all flows found room.
  [[nodiscard]] bool whole() const { return whole_; }
  /// Sum of what is stored for these flows: at most 64 of them.
  [[nodiscard]] std::uint64_t lookup(const std::uint64_t* numbers, unsigned count) const;

 private:
  std::uint64_t flows_;
  HashOf hash_of_;
  rte_hash* table_ = nullptr;
  bool whole_ = false;
};

}  // namespace fairlead::bench
