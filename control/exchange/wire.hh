// SPDX-License-Identifier: BSD-3-Clause
// The datagrams by which nodes and monitors exchange counts in flight (docs/fleet.md). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace fairlead::exchange {

/// What a datagram is. kCounts and kNames go to a monitor, kSum and kAsk come back.
enum class Kind : std::uint8_t {
  kCounts = 1,  // values: in flight through the node
  kSum = 2,     // values: in flight through all other nodes
  kNames = 3,   // names: identities of the list's backends
  kAsk = 4,     // the monitor does not know the list: send kNames
};

/// A datagram takes so many values at most, so that it fits 1500 bytes with any headers. Names are
/// four times as large.
inline constexpr std::size_t kMostValues = 640;
inline constexpr std::size_t kMostNames = kMostValues / 4;
inline constexpr std::size_t kMostBackends = 4096;
inline constexpr std::size_t kHeaderBytes = 40;
inline constexpr std::size_t kMacBytes = 8;
inline constexpr std::size_t kMostBytes = kHeaderBytes + 2 * kMostValues + kMacBytes;

struct Datagram {
  Kind kind = Kind::kCounts;
  bool wants_answer = false;   // kCounts: else the monitor only takes note
  std::uint16_t first = 0;     // position in the list of the first value or name
  std::uint16_t total = 0;     // length of the list, 1..kMostBackends
  std::uint16_t nodes = 0;     // kSum: nodes in it, the receiver too
  std::uint64_t node = 0;      // who sends kCounts and kNames; to whom the others go
  std::uint64_t list = 0;      // digest of the list of backends
  std::uint64_t sequence = 0;  // rises with every round of a node; an answer repeats it
  std::vector<std::uint32_t> values;
  std::vector<std::uint64_t> names;
};

/// Derived from the fleet's secret, and another for each direction: an answer is no request.
class Key {
 public:
  explicit Key(const std::array<std::uint64_t, 2>& fleet);
  [[nodiscard]] std::uint64_t mac(std::span<const std::byte> bytes, bool to_monitor) const;
  /// A name of a node or a backend in datagrams.
  [[nodiscard]] std::uint64_t identity(std::string_view name) const;
  /// Of a list of identities in its order.
  [[nodiscard]] std::uint64_t digest(std::span<const std::uint64_t> names) const;

 private:
  std::array<std::array<std::uint64_t, 2>, 3> keys_{};  // to monitors, to nodes, names
};

/// Replaces `out` by the datagram with its authentication. Requires: values or names, at most
/// kMostValues or kMostNames of them.
void encode(const Datagram& datagram, const Key& key, std::vector<std::byte>& out);

/// Nullopt: not ours, damaged, from somebody without the key, or for the other side.
std::optional<Datagram> decode(std::span<const std::byte> bytes, const Key& key, bool to_monitor);

/// A count in 16 bits: exact up to 4095, above by at most 1/2048 too small; up to 134 million.
std::uint16_t packed(std::uint32_t count);
std::uint32_t unpacked(std::uint16_t bits);

/// SipHash-2-4 (Aumasson, Bernstein, 2012): a message authentication code of 64 bits.
std::uint64_t siphash24(const std::array<std::uint64_t, 2>& key, std::span<const std::byte> bytes);

}  // namespace fairlead::exchange
