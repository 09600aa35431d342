// SPDX-License-Identifier: BSD-3-Clause
// A published bank as a read-only table: everything is proven once when attaching, so that lookups
// need no checks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/steer/flow_hash.h"

namespace fairlead::steer {

static_assert(sizeof(fl_quic_server) == 32);  // two in a line

/// A view of one generation. Copyable, owns nothing; valid while the bank is (see
/// shm/publication.hh). Any thread; lookups neither allocate nor fail.
class TableView {
 public:
  /// An empty view: no vips, no members, generation 0.
  TableView() = default;

  /// Proves the checksum and every bound of a bank of at most `capacity` bytes. Any damage is a
  /// kDataLoss error, never undefined behaviour. Cost: one pass over the bank, about 10 us per
  /// 65537 slots from cache. Requires: the bank does not change meanwhile.
  static base::Result<TableView> attach(const void* bank, std::size_t capacity);

  [[nodiscard]] bool valid() const { return bank_ != nullptr; }
  [[nodiscard]] std::uint64_t generation() const { return valid() ? bank_->generation : 0; }
  [[nodiscard]] std::uint64_t digest() const { return valid() ? bank_->digest : 0; }
  /// Requires: valid().
  [[nodiscard]] const fl_bank& bank() const { return *bank_; }
  /// The flow hash key. Requires: valid().
  [[nodiscard]] const std::uint64_t* hash_key() const { return bank_->hash_key; }

  /// The vip that a destination belongs to, or null. The most specific match wins: longer prefix,
  /// then exact port. `low`, `high`: the address as on the wire, read as little-endian words (IPv4:
  /// its 32 bits in `low`, high 0); `family` 4 or 6; `port_raw` as on the wire.
  [[nodiscard]] const fl_vip* find_vip(
      std::uint64_t low,
      std::uint64_t high,
      std::uint8_t family,
      std::uint8_t protocol,
      std::uint16_t port_raw
  ) const {
    for (std::uint32_t i = 0; i < shape_count_; ++i) {
      const Shape& shape = shapes_[i];
      if (shape.family != family) continue;
      const std::uint16_t port = shape.any_port ? std::uint16_t{0} : port_raw;
      const fl_vip* vip =
          probe(low & shape.low_mask, high & shape.high_mask, shape, protocol, port);
      if (vip != nullptr) return vip;
    }
    return nullptr;
  }

  /// Some vip with this address, whatever protocol and port; null: none. A probe per shape.
  [[nodiscard]] const fl_vip* find_address(
      std::uint64_t low, std::uint64_t high, std::uint8_t family
  ) const {
    for (std::uint32_t i = 0; i < shape_count_; ++i) {
      const Shape& shape = shapes_[i];
      if (shape.family != family) continue;
      const fl_vip* const vip = probe_address(low & shape.low_mask, high & shape.high_mask, shape);
      if (vip != nullptr) return vip;
    }
    return nullptr;
  }
  [[nodiscard]] bool has_address(std::uint64_t low, std::uint64_t high, std::uint8_t family) const {
    return find_address(low, high, family) != nullptr;
  }

  /// Member number that a QUIC server id names in this vip, or FL_NO_MEMBER. `key`: as in struct
  /// fl_quic_server. Requires: FL_VIP_QUIC; the vip is of this view.
  [[nodiscard]] std::uint32_t quic_member(const fl_vip& vip, const std::uint8_t (&key)[16]) const {
    std::uint64_t word[2];
    std::memcpy(word, key, sizeof word);
    const std::uint32_t start = fl_vip_hash(word[0], word[1], 0, 0);
    for (std::uint32_t step = 0; step < FL_VIP_PROBES; ++step) {
      const fl_quic_server& server = quic_servers(vip)[(start + step) & vip.quic_mask];
      if (server.member == FL_NO_MEMBER) return FL_NO_MEMBER;
      if (std::memcmp(server.key, key, sizeof server.key) == 0) return server.member;
    }
    return FL_NO_MEMBER;
  }

  /// True if a member number, from wherever it comes, is one that keeps flows of this vip: active
  /// or draining.
  [[nodiscard]] bool serves(std::uint32_t number, const fl_vip& vip) const {
    if (number >= member_count_) return false;
    const fl_member& member = members_[number];
    const bool alive = member.state == FL_MEMBER_ACTIVE || member.state == FL_MEMBER_DRAINING;
    return alive && member.vip == vip.vip;
  }

  /// Member number of a slot's owner. Requires: index < vip.table_size; the vip is of this view.
  [[nodiscard]] std::uint32_t slot(const fl_vip& vip, std::uint32_t index) const {
    return words_of(vip.pool_line)[fl_slot_owner(words_of(vip.slots_line)[index])];
  }
  /// The member that owned a slot before, or FL_NO_MEMBER. Requires: as slot().
  [[nodiscard]] std::uint32_t earlier_owner(const fl_vip& vip, std::uint32_t index) const {
    const std::uint32_t position = fl_slot_earlier(words_of(vip.slots_line)[index]);
    return position == 0 ? FL_NO_MEMBER : words_of(vip.pool_line)[position - 1];
  }
  /// Where a slot lies, for prefetching.
  [[nodiscard]] const std::uint32_t* slot_address(const fl_vip& vip, std::uint32_t index) const {
    return words_of(vip.slots_line) + index;
  }
  /// Requires: number < member_count(); numbers from slot() always are.
  [[nodiscard]] const fl_member& member(std::uint32_t number) const { return members_[number]; }
  /// For numbers from a flow entry, which may be older than the table: null when out of range or
  /// free.
  [[nodiscard]] const fl_member* find_member(std::uint32_t number) const {
    if (number >= member_count_ || members_[number].state == FL_MEMBER_FREE) return nullptr;
    return &members_[number];
  }
  [[nodiscard]] std::uint32_t member_count() const { return member_count_; }

  [[nodiscard]] std::span<const fl_vip> vips() const { return {vips_, vip_count_}; }
  [[nodiscard]] std::span<const fl_member> members() const { return {members_, member_count_}; }
  /// The slots as they lie there: fl_slot_owner() of each is a position in pool().
  [[nodiscard]] std::span<const std::uint32_t> slots(const fl_vip& vip) const {
    return {words_of(vip.slots_line), vip.table_size};
  }
  /// Member numbers by position.
  [[nodiscard]] std::span<const std::uint32_t> pool(const fl_vip& vip) const {
    return {words_of(vip.pool_line), vip.pool_size};
  }
  /// The index of a vip's QUIC servers. Requires: FL_VIP_QUIC.
  [[nodiscard]] const fl_quic_server* quic_servers(const fl_vip& vip) const {
    return reinterpret_cast<const fl_quic_server*>(
        reinterpret_cast<const std::byte*>(bank_) + std::size_t{vip.quic_line} * FL_LINE_BYTES
    );
  }

 private:
  struct Shape {
    std::uint64_t low_mask;
    std::uint64_t high_mask;
    std::uint8_t family;
    std::uint8_t prefix_len;
    bool any_port;
  };

  [[nodiscard]] const std::uint32_t* words_of(std::uint32_t line) const {
    return reinterpret_cast<const std::uint32_t*>(
        reinterpret_cast<const std::byte*>(bank_) + std::size_t{line} * FL_LINE_BYTES
    );
  }

  [[nodiscard]] const fl_vip* probe(
      std::uint64_t low,
      std::uint64_t high,
      const Shape& shape,
      std::uint8_t protocol,
      std::uint16_t port
  ) const {
    const std::uint32_t start = fl_vip_hash(low, high, protocol, port);
    for (std::uint32_t step = 0; step < FL_VIP_PROBES; ++step) {
      const std::uint16_t entry = index_[(start + step) & index_mask_];
      if (entry == FL_VIP_EMPTY) return nullptr;
      const fl_vip& vip = vips_[entry];
      std::uint64_t address[2];
      std::uint16_t vip_port;
      std::memcpy(address, vip.address, sizeof address);
      std::memcpy(&vip_port, vip.port, sizeof vip_port);
      if (address[0] == low && address[1] == high && vip_port == port && vip.protocol == protocol &&
          vip.family == shape.family && vip.prefix_len == shape.prefix_len)
        return &vip;
    }
    return nullptr;
  }

  [[nodiscard]] const fl_vip* probe_address(
      std::uint64_t low, std::uint64_t high, const Shape& shape
  ) const {
    for (std::uint32_t at = fl_vip_hash(low, high, 0, 0);; ++at) {
      const std::uint16_t entry = addresses_[at % kAddresses];
      if (entry == FL_VIP_EMPTY) return nullptr;
      if (same_prefix(vips_[entry], low, high, shape)) return &vips_[entry];
    }
  }
  [[nodiscard]] static bool same_prefix(
      const fl_vip& vip, std::uint64_t low, std::uint64_t high, const Shape& shape
  ) {
    std::uint64_t address[2];
    std::memcpy(address, vip.address, sizeof address);
    return address[0] == low && address[1] == high && vip.family == shape.family &&
           vip.prefix_len == shape.prefix_len;
  }

  /// Distinct prefixes of the vips, positions in vips_, by open addressing: at most half full.
  static constexpr std::uint32_t kAddresses = 2 * FL_MAX_VIPS;

  const fl_bank* bank_ = nullptr;
  const std::uint16_t* index_ = nullptr;
  const fl_vip* vips_ = nullptr;
  const fl_member* members_ = nullptr;
  std::uint32_t index_mask_ = 0;
  std::uint32_t vip_count_ = 0;
  std::uint32_t member_count_ = 0;
  std::uint32_t shape_count_ = 0;
  std::array<Shape, FL_MAX_SHAPES> shapes_{};
  std::array<std::uint16_t, kAddresses> addresses_{};

  friend class BankProof;
};

/// Slots of each member of a vip's pool, by position (allocates: not for workers).
std::vector<std::uint32_t> count_slots(const TableView& table, const fl_vip& vip);

/// Names of a generation by number; empty where a number is not in use.
struct Names {
  std::vector<std::string> vips;      // by vip number
  std::vector<std::string> backends;  // by backend number

  [[nodiscard]] std::string_view vip(std::uint32_t number) const {
    return number < vips.size() ? std::string_view(vips[number]) : std::string_view();
  }
  [[nodiscard]] std::string_view backend(std::uint32_t number) const {
    return number < backends.size() ? std::string_view(backends[number]) : std::string_view();
  }
};

/// Copies the names out of a view (allocates: not for workers).
Names read_names(const TableView& table);

}  // namespace fairlead::steer
