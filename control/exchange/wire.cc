// SPDX-License-Identifier: BSD-3-Clause
// Bytes: little-endian, header of 40, values of 2 or names of 8, authentication of 8.
#include "control/exchange/wire.hh"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "dataplane/steer/flow_hash.h"

namespace fairlead::exchange {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint32_t kMagic = 0x31584c46;  // "FLX1"
constexpr std::uint8_t kWantsAnswer = 1;

struct Header {
  std::uint32_t magic;
  std::uint8_t kind;
  std::uint8_t flags;
  std::uint16_t first;
  std::uint16_t count;
  std::uint16_t total;
  std::uint16_t nodes;
  std::uint16_t reserved;
  std::uint64_t node;
  std::uint64_t list;
  std::uint64_t sequence;
};
static_assert(sizeof(Header) == kHeaderBytes);

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

bool goes_to_monitor(Kind kind) {
  return kind == Kind::kCounts || kind == Kind::kNames;
}

// Values of a datagram as they are sent. Loops without branches: a monitor does millions a second.
using Packed = std::array<std::uint16_t, kMostValues>;

Packed packed_all(std::span<const std::uint32_t> values) {
  Packed out;
  std::uint32_t any = 0;
  for (const std::uint32_t value : values) any |= value;
  if (any < 4096) {
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = static_cast<std::uint16_t>(values[i]);
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = packed(values[i]);
  }
  return out;
}

template <typename T>
T read_at(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

std::uint64_t siphash24(const std::array<std::uint64_t, 2>& key, std::span<const std::byte> bytes) {
  FL_SIP_BEGIN(key);
  const auto absorb = [&](std::uint64_t word) __attribute__((always_inline)) {
    v3 ^= word;
    FL_SIPROUND(v0, v1, v2, v3);
    FL_SIPROUND(v0, v1, v2, v3);
    v0 ^= word;
  };
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) absorb(read_at<std::uint64_t>(bytes.data() + at));
  std::uint64_t rest = 0;
  if (at < bytes.size()) std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  absorb(rest | std::uint64_t{bytes.size()} << 56);
  v2 ^= 0xff;
  for (int round = 0; round < 4; ++round) FL_SIPROUND(v0, v1, v2, v3);
  return v0 ^ v1 ^ v2 ^ v3;
}

Key::Key(const std::array<std::uint64_t, 2>& fleet) {
  static constexpr std::string_view kUses[] = {"to monitor", "to node", "name"};
  for (std::size_t use = 0; use < keys_.size(); ++use) {
    for (std::size_t half = 0; half < 2; ++half) {
      const std::string text =
          "fairlead exchange 1 " + std::string(kUses[use]) + (half == 0 ? " a" : " b");
      keys_[use][half] = siphash24(fleet, bytes_of(text));
    }
  }
}

std::uint64_t Key::mac(std::span<const std::byte> bytes, bool to_monitor) const {
  return siphash24(keys_[to_monitor ? 0 : 1], bytes);
}

std::uint64_t Key::identity(std::string_view name) const {
  return siphash24(keys_[2], bytes_of(name));
}

std::uint64_t Key::digest(std::span<const std::uint64_t> names) const {
  return siphash24(keys_[2], std::as_bytes(names));
}

void encode(const Datagram& d, const Key& key, std::vector<std::byte>& out) {
  Header header{};
  header.magic = kMagic;
  header.kind = static_cast<std::uint8_t>(d.kind);
  header.flags = d.wants_answer ? kWantsAnswer : 0;
  header.first = d.first;
  header.count = static_cast<std::uint16_t>(std::max(d.values.size(), d.names.size()));
  header.total = d.total;
  header.nodes = d.nodes;
  header.node = d.node;
  header.list = d.list;
  header.sequence = d.sequence;
  const std::size_t payload = 2 * d.values.size() + 8 * d.names.size();
  out.resize(kHeaderBytes + payload + kMacBytes);
  std::memcpy(out.data(), &header, kHeaderBytes);
  std::byte* at = out.data() + kHeaderBytes;
  if (!d.values.empty()) std::memcpy(at, packed_all(d.values).data(), payload);
  if (!d.names.empty()) std::memcpy(at, d.names.data(), payload);
  const auto signed_part = std::span<const std::byte>(out).first(kHeaderBytes + payload);
  const std::uint64_t mac = key.mac(signed_part, goes_to_monitor(d.kind));
  std::memcpy(at + payload, &mac, kMacBytes);
}

std::optional<Datagram> decode(std::span<const std::byte> bytes, const Key& key, bool to_monitor) {
  if (bytes.size() < kHeaderBytes + kMacBytes || bytes.size() > kMostBytes) return std::nullopt;
  const auto header = read_at<Header>(bytes.data());
  const auto kind = static_cast<Kind>(header.kind);
  if (header.magic != kMagic || header.kind < 1 || header.kind > 4) return std::nullopt;
  if (goes_to_monitor(kind) != to_monitor) return std::nullopt;
  const std::size_t width = kind == Kind::kNames ? 8 : 2;
  const bool empty = kind == Kind::kAsk;
  if ((header.count == 0) != empty || header.total == 0 || header.total > kMostBackends ||
      header.first + std::size_t{header.count} > header.total ||
      bytes.size() != kHeaderBytes + width * header.count + kMacBytes) {
    return std::nullopt;
  }
  const auto signed_part = bytes.first(bytes.size() - kMacBytes);
  const auto mac = read_at<std::uint64_t>(bytes.data() + signed_part.size());
  if (mac != key.mac(signed_part, to_monitor)) return std::nullopt;
  Datagram d;
  d.kind = kind;
  d.wants_answer = (header.flags & kWantsAnswer) != 0;
  d.first = header.first;
  d.total = header.total;
  d.nodes = header.nodes;
  d.node = header.node;
  d.list = header.list;
  d.sequence = header.sequence;
  const std::byte* at = bytes.data() + kHeaderBytes;
  if (kind == Kind::kNames) {
    d.names.resize(header.count);
    std::memcpy(d.names.data(), at, 8 * d.names.size());
  } else {
    d.values.resize(header.count);
    Packed bits;
    std::memcpy(bits.data(), at, 2 * d.values.size());
    for (std::size_t i = 0; i < d.values.size(); ++i) d.values[i] = unpacked(bits[i]);
  }
  return d;
}

std::uint16_t packed(std::uint32_t count) {
  constexpr std::uint32_t kMost = 4095U << 15;
  const std::uint32_t held = std::min(count, kMost);
  const int bits = std::bit_width(held);
  const int shift = bits > 12 ? bits - 12 : 0;
  return static_cast<std::uint16_t>(
      static_cast<std::uint32_t>(shift) << 12 | held >> static_cast<unsigned>(shift)
  );
}

std::uint32_t unpacked(std::uint16_t bits) {
  return (bits & 0xfffU) << (bits >> 12);
}

}  // namespace fairlead::exchange
