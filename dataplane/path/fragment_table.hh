// SPDX-License-Identifier: BSD-3-Clause
// Where the datagrams go whose fragments are on their way. docs/data-path.md, "Fragments", has the
// designs that were considered.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/base/clock.hh"
#include "dataplane/net/parse.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::path {

/// Names a datagram: the keyed hash of source, destination, identification and, for IPv4, protocol
/// (RFC 791 3.2, RFC 8200 4.5). `key`: TableView::hash_key().
[[nodiscard]] std::uint64_t datagram_hash(
    const std::uint64_t* key, const net::ParsedPacket& packet
);

/// What became of a datagram's first fragment.
struct FirstFragment {
  enum class Fate : std::uint8_t { kForwardTcp, kForwardUdp, kPunted, kDropped };
  Fate fate = Fate::kDropped;
  std::uint32_t member = 0;    // forwarded
  std::uint16_t port_raw = 0;  // forwarded: destination port, as on the wire
};

/// A fixed number of datagrams, 16 bytes each, four to a cache line; a new one takes the place of
/// the oldest of its line. One thread writes; any may read: an entry is its hash and one word, the
/// hash is taken away while the word changes, and a reader looks at it twice.
class FragmentTable {
 public:
  /// 128 KiB. A datagram's fragments follow each other within milliseconds: enough for a million
  /// fragmented datagrams a second that are under way for 8 ms.
  static constexpr std::uint32_t kDatagrams = 8192;
  /// Longest pause between two fragments of a datagram. Short, because the 16-bit identification of
  /// IPv4 comes round again.
  static constexpr base::Nanoseconds kLife = 2 * base::kSecond;

  FragmentTable();

  // --- owner ---
  /// Enters or overwrites: the newest first fragment counts.
  void record(std::uint64_t hash, const FirstFragment& first, base::Nanoseconds now);
  /// As find(), and keeps the entry for another kLife.
  [[nodiscard]] std::optional<FirstFragment> use(std::uint64_t hash, base::Nanoseconds now);

  // --- any thread ---
  [[nodiscard]] std::optional<FirstFragment> find(std::uint64_t hash, base::Nanoseconds now) const;

 private:
  static constexpr std::uint32_t kWays = 4;
  struct Entry {
    std::uint64_t hash = 0;  // 0: free
    std::uint64_t word = 0;  // see word_of()
  };
  struct alignas(64) Line {
    Entry entry[kWays];
  };
  [[nodiscard]] Entry* match(std::uint64_t hash) const;
  [[nodiscard]] Line& line_of(std::uint64_t hash) const;

  std::unique_ptr<Line[]> lines_;
};

}  // namespace fairlead::path
