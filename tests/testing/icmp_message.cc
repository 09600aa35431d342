// SPDX-License-Identifier: BSD-3-Clause
// Byte by byte.
#include "tests/testing/icmp_message.hh"

#include <algorithm>

namespace fairlead::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

void put_field(Bytes& out, unsigned v) {
  out.push_back(static_cast<std::uint8_t>(v >> 8));
  out.push_back(static_cast<std::uint8_t>(v));
}

/// RFC 1071 over the pseudo header, if any, and the message.
void fill_checksum(Bytes& message, const Bytes& pseudo = {}) {
  std::uint32_t sum = 0;
  for (const Bytes* part : {&pseudo, static_cast<const Bytes*>(&message)})
    for (std::size_t i = 0; i < part->size(); ++i)
      sum += static_cast<std::uint32_t>((*part)[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  message[2] = static_cast<std::uint8_t>(~sum >> 8);
  message[3] = static_cast<std::uint8_t>(~sum);
}

Bytes pseudo6(std::string_view source, std::string_view destination, std::size_t bytes) {
  Bytes out;
  for (const auto text : {source, destination}) {
    const auto address = net::IpAddr::parse(text).value();
    out.insert(out.end(), address.bytes.begin(), address.bytes.end());
  }
  put_field(out, 0);
  put_field(out, static_cast<unsigned>(bytes));
  put_field(out, 0);
  put_field(out, 58);
  return out;
}

Bytes echo(std::uint8_t type, unsigned payload) {
  Bytes out = {type, 0, 0, 0, 0, 7, 0, 1};
  for (unsigned i = 0; i < payload; ++i) out.push_back(static_cast<std::uint8_t>(i));
  return out;
}

void quote(Bytes& out, const Frame& frame, std::size_t most) {
  const std::size_t bytes = std::min(frame.size() - 14, most) / 4 * 4;
  out.insert(
      out.end(), frame.begin() + 14, frame.begin() + 14 + static_cast<std::ptrdiff_t>(bytes)
  );
}

}  // namespace

Bytes echo4(std::uint8_t type, unsigned payload) {
  Bytes out = echo(type, payload);
  fill_checksum(out);
  return out;
}

Bytes echo6(
    std::uint8_t type, std::string_view source, std::string_view destination, unsigned payload
) {
  Bytes out = echo(type, payload);
  fill_checksum(out, pseudo6(source, destination, out.size()));
  return out;
}

Bytes fragmentation_needed(std::uint16_t mtu, const Frame& frame) {
  Bytes out = {3, 4, 0, 0, 0, 0};
  put_field(out, mtu);
  quote(out, frame, 576 - 20 - 8);
  fill_checksum(out);
  return out;
}

Bytes packet_too_big(
    std::uint32_t mtu, const Frame& frame, std::string_view source, std::string_view destination
) {
  Bytes out = {2, 0, 0, 0};
  put_field(out, mtu >> 16);
  put_field(out, mtu & 0xffff);
  quote(out, frame, 1280 - 40 - 8);
  fill_checksum(out, pseudo6(source, destination, out.size()));
  return out;
}

}  // namespace fairlead::testing
