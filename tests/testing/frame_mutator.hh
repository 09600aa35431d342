// SPDX-License-Identifier: BSD-3-Clause
// Frames like a given one, but wrong or unusual somewhere: for tests that compare two readers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>

#include "tests/testing/packet_builder.hh"

namespace fairlead::testing {

/// Same seed, same frames.
class FrameMutator {
 public:
  explicit FrameMutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

  /// One to three changes, of which most are in the headers. Seven of eight times the IPv4 checksum
  /// is made right again, else nearly nothing would come farther. `donor`: another frame, for
  /// parts.
  Frame mutate(const Frame& frame, const Frame& donor) {
    Frame out = frame;
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) change(out, donor);
    if (below(8) != 0) repair(out);
    return out;
  }

 private:
  static constexpr std::size_t kEthernet = 14;
  static constexpr std::size_t kHeaders = 80;

  std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }

  /// Where in the frame: mostly behind the addresses of Ethernet, in the headers.
  std::size_t place(const Frame& frame) {
    const std::size_t end = std::min(frame.size(), kHeaders);
    if (end <= 12 || below(16) == 0) return below(frame.size());
    return 12 + below(end - 12);
  }

  void change(Frame& out, const Frame& donor) {
    if (out.size() < kEthernet) return;
    switch (below(8)) {
      case 0:
        out[place(out)] = byte();
        return;
      case 1:
        out[place(out)] ^= static_cast<std::uint8_t>(1U << below(8));
        return;
      case 2: {
        constexpr std::uint8_t kOdd[] = {0, 1, 0x7f, 0x80, 0xff, 6, 17, 44};
        out[place(out)] = kOdd[below(sizeof kOdd)];
        return;
      }
      case 3:  // cut
        out.resize(kEthernet + below(out.size() - kEthernet + 1));
        return;
      case 4:  // padding
        out.resize(out.size() + 1 + below(64), byte());
        return;
      case 5: {  // another frame's end
        const std::size_t at = place(out);
        if (at >= donor.size()) return;
        out.resize(at);
        out.insert(out.end(), donor.begin() + static_cast<std::ptrdiff_t>(at), donor.end());
        return;
      }
      case 6: {  // a tag
        const std::uint8_t tag[] = {0x81, 0x00, byte(), byte()};
        out.insert(out.begin() + 12, std::begin(tag), std::end(tag));
        return;
      }
      default: {  // a stretch of the frame elsewhere
        const std::size_t from = place(out);
        const std::size_t to = place(out);
        const std::size_t bytes = std::min(out.size() - std::max(from, to), 1 + below(8));
        std::copy_n(
            Frame(out).begin() + static_cast<std::ptrdiff_t>(from),
            bytes,
            out.begin() + static_cast<std::ptrdiff_t>(to)
        );
        return;
      }
    }
  }

  /// The IPv4 header's checksum, behind up to two tags.
  static void repair(Frame& out) {
    std::size_t at = kEthernet;
    while (at <= kEthernet + 4 && out.size() >= at && out[at - 2] == 0x81 && out[at - 1] == 0)
      at += 4;
    if (out.size() < at + 20 || out[at] >> 4 != 4) return;
    const std::size_t bytes = std::size_t{out[at] & 0xfU} * 4;
    if (bytes < 20 || out.size() < at + bytes) return;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes; i += 2)
      if (i != 10) sum += out[at + i] * 256U + out[at + i + 1];
    while (sum >> 16 != 0) sum = (sum & 0xffffU) + (sum >> 16);
    out[at + 10] = static_cast<std::uint8_t>(~sum >> 8);
    out[at + 11] = static_cast<std::uint8_t>(~sum);
  }

  std::mt19937_64 random_;
};

}  // namespace fairlead::testing
