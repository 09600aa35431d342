// SPDX-License-Identifier: BSD-3-Clause
// Serialization, innermost layer first.
#include "tests/testing/packet_builder.hh"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace fairlead::testing {
namespace {

void put8(Frame& out, unsigned v) {
  out.push_back(static_cast<std::uint8_t>(v));
}
void put16(Frame& out, unsigned v) {
  put8(out, v >> 8 & 0xff);
  put8(out, v & 0xff);
}
void put32(Frame& out, std::uint32_t v) {
  put16(out, v >> 16);
  put16(out, v & 0xffff);
}
void append(Frame& out, const Frame& tail) {
  out.insert(out.end(), tail.begin(), tail.end());
}

net::IpAddr address(std::string_view text) {
  const auto parsed = net::IpAddr::parse(text);
  if (!parsed) throw std::invalid_argument("not an address: " + std::string(text));
  return *parsed;
}
void put_address(Frame& out, const net::IpAddr& a) {
  out.insert(out.end(), a.bytes.begin(), a.bytes.begin() + (a.is_v4() ? 4 : 16));
}
void put_mac(Frame& out, const std::string& text) {
  const auto mac = net::MacAddr::parse(text);
  if (!mac) throw std::invalid_argument("not a MAC address: " + text);
  out.insert(out.end(), mac->bytes.begin(), mac->bytes.end());
}

/// RFC 1071, the plain way: 16-bit words in network order.
std::uint16_t internet_checksum(const Frame& header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < header.size(); i += 2)
    sum += static_cast<std::uint32_t>(header[i] << 8 | header[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::uint8_t tcp_flags(std::string_view letters) {
  unsigned flags = 0;
  for (const char c : letters) {
    const auto bit = std::string_view("FSRPAU").find(c);
    if (bit == std::string_view::npos) throw std::invalid_argument("unknown TCP flag");
    flags |= 1U << bit;
  }
  return static_cast<std::uint8_t>(flags);
}

}  // namespace

PacketBuilder::Layer& PacketBuilder::add(Kind kind) {
  layers_.emplace_back();
  layers_.back().kind = kind;
  return layers_.back();
}

PacketBuilder::Layer& PacketBuilder::ip() {
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
    if (layer->kind == Kind::kIpv4 || layer->kind == Kind::kIpv6) return *layer;
  throw std::invalid_argument("no IP layer yet");
}

PacketBuilder& PacketBuilder::ether(std::string_view destination, std::string_view source) {
  destination_ = destination;
  source_ = source;
  return *this;
}
PacketBuilder& PacketBuilder::ethertype(std::uint16_t type) {
  ethertype_ = type;
  return *this;
}
PacketBuilder& PacketBuilder::vlan(std::uint16_t id, std::uint16_t tag_type) {
  Layer& l = add(Kind::kVlan);
  l.a = id;
  l.b = tag_type;
  return *this;
}
PacketBuilder& PacketBuilder::ipv4(std::string_view source, std::string_view destination) {
  Layer& l = add(Kind::kIpv4);
  l.source = address(source);
  l.destination = address(destination);
  return *this;
}
PacketBuilder& PacketBuilder::ipv6(std::string_view source, std::string_view destination) {
  Layer& l = add(Kind::kIpv6);
  l.source = address(source);
  l.destination = address(destination);
  return *this;
}
PacketBuilder& PacketBuilder::extension(std::uint8_t type, unsigned bytes) {
  Layer& l = add(Kind::kExtension);
  l.a = type;
  l.b = static_cast<std::uint16_t>(bytes);
  return *this;
}
PacketBuilder& PacketBuilder::ipv6_fragment(
    std::uint16_t offset_units, bool more, int next, std::uint32_t id
) {
  Layer& l = add(Kind::kFragment6);
  l.a = static_cast<std::uint16_t>(offset_units << 3 | (more ? 1 : 0));
  l.protocol = next;
  l.label = id;
  return *this;
}
PacketBuilder& PacketBuilder::icmp(
    std::uint8_t type, std::uint8_t code, std::uint32_t rest, std::size_t quoted
) {
  const bool v6 = ip().kind == Kind::kIpv6;
  Layer& l = add(Kind::kIcmp);
  l.protocol = v6 ? 58 : 1;
  l.a = type;
  l.b = code;
  l.label = rest;
  l.options = static_cast<unsigned>(quoted);
  return *this;
}
PacketBuilder& PacketBuilder::tcp(
    std::uint16_t source, std::uint16_t destination, std::string_view flags
) {
  Layer& l = add(Kind::kTcp);
  l.a = source;
  l.b = destination;
  l.flags = tcp_flags(flags);
  return *this;
}
PacketBuilder& PacketBuilder::udp(std::uint16_t source, std::uint16_t destination) {
  Layer& l = add(Kind::kUdp);
  l.a = source;
  l.b = destination;
  return *this;
}
PacketBuilder& PacketBuilder::gue(const std::vector<std::string>& hops) {
  Layer& l = add(Kind::kGue);
  const bool six = !hops.empty() && !address(hops[0]).is_v4();
  l.words = static_cast<int>(1 + hops.size() * (six ? 4 : 1));
  put16(l.content, six ? 1 : 0);
  put8(l.content, 0);
  put8(l.content, static_cast<unsigned>(hops.size()));
  for (const auto& hop : hops) put_address(l.content, address(hop));
  return *this;
}
PacketBuilder& PacketBuilder::gue_without_list() {
  add(Kind::kGue).words = 0;
  return *this;
}
PacketBuilder& PacketBuilder::bytes(const std::vector<std::uint8_t>& content) {
  add(Kind::kBytes).content = content;
  return *this;
}
PacketBuilder& PacketBuilder::payload(unsigned count) {
  Layer& l = add(Kind::kBytes);
  for (unsigned i = 0; i < count; ++i) put8(l.content, i & 0xff);
  return *this;
}

PacketBuilder& PacketBuilder::ttl(std::uint8_t v) {
  ip().ttl = v;
  return *this;
}
PacketBuilder& PacketBuilder::tos(std::uint8_t v) {
  ip().tos = v;
  return *this;
}
PacketBuilder& PacketBuilder::flow_label(std::uint32_t v) {
  ip().label = v;
  return *this;
}
PacketBuilder& PacketBuilder::df() {
  ip().fragment |= 0x4000;
  return *this;
}
PacketBuilder& PacketBuilder::id(std::uint16_t v) {
  ip().id = v;
  return *this;
}
PacketBuilder& PacketBuilder::ipv4_fragment(std::uint16_t offset_units, bool more) {
  ip().fragment = static_cast<std::uint16_t>(offset_units | (more ? 0x2000 : 0));
  return *this;
}
PacketBuilder& PacketBuilder::options(unsigned count) {
  ip().options = count;
  return *this;
}
PacketBuilder& PacketBuilder::protocol(std::uint8_t v) {
  ip().protocol = v;
  return *this;
}
PacketBuilder& PacketBuilder::version(std::uint8_t v) {
  ip().version = v;
  return *this;
}
PacketBuilder& PacketBuilder::header_words(std::uint8_t v) {
  ip().words = v;
  return *this;
}
PacketBuilder& PacketBuilder::stated_length(std::uint16_t v) {
  ip().stated = v;
  return *this;
}
PacketBuilder& PacketBuilder::wrong_checksum() {
  ip().wrong = true;
  return *this;
}
PacketBuilder& PacketBuilder::data_offset(std::uint8_t v) {
  layers_.back().words = v;
  return *this;
}
PacketBuilder& PacketBuilder::udp_length(std::uint16_t v) {
  layers_.back().stated = v;
  return *this;
}
PacketBuilder& PacketBuilder::pad_to(std::size_t v) {
  pad_ = v;
  return *this;
}
PacketBuilder& PacketBuilder::cut_to(std::size_t v) {
  cut_ = v;
  return *this;
}

std::uint8_t PacketBuilder::protocol_of(std::size_t layer) const {
  if (layer >= layers_.size()) return 59;
  switch (layers_[layer].kind) {
    case Kind::kIpv4:
      return 4;
    case Kind::kIpv6:
      return 41;
    case Kind::kExtension:
      return static_cast<std::uint8_t>(layers_[layer].a);
    case Kind::kFragment6:
      return 44;
    case Kind::kIcmp:
      return static_cast<std::uint8_t>(layers_[layer].protocol);
    case Kind::kTcp:
      return 6;
    case Kind::kUdp:
      return 17;
    default:
      return 59;
  }
}

std::uint16_t PacketBuilder::type_of(std::size_t layer) const {
  if (layer < layers_.size()) {
    if (layers_[layer].kind == Kind::kVlan) return layers_[layer].b;
    if (ethertype_ >= 0) return static_cast<std::uint16_t>(ethertype_);
    if (layers_[layer].kind == Kind::kIpv4) return 0x0800;
    if (layers_[layer].kind == Kind::kIpv6) return 0x86dd;
  }
  return ethertype_ >= 0 ? static_cast<std::uint16_t>(ethertype_) : std::uint16_t{0x88b5};
}

void PacketBuilder::put_ipv4(Frame& out, const Layer& l, std::uint8_t next, const Frame& rest) {
  const unsigned header = 20 + l.options;
  Frame h;
  put8(
      h,
      static_cast<unsigned>(
          (l.version < 0 ? 4 : l.version) << 4 |
          (l.words < 0 ? static_cast<int>(header / 4) : l.words)
      )
  );
  put8(h, l.tos);
  put16(
      h,
      l.stated < 0 ? header + static_cast<unsigned>(rest.size()) : static_cast<unsigned>(l.stated)
  );
  put16(h, l.id);
  put16(h, l.fragment);
  put8(h, l.ttl);
  put8(h, l.protocol < 0 ? next : static_cast<unsigned>(l.protocol));
  put16(h, 0);
  put_address(h, l.source);
  put_address(h, l.destination);
  for (unsigned i = 0; i < l.options; ++i) put8(h, 1);
  const unsigned sum = internet_checksum(h) ^ (l.wrong ? 0x0101U : 0U);
  h[10] = static_cast<std::uint8_t>(sum >> 8);
  h[11] = static_cast<std::uint8_t>(sum);
  append(out, h);
}

void PacketBuilder::put_ipv6(Frame& out, const Layer& l, std::uint8_t next, const Frame& rest) {
  const unsigned version = l.version < 0 ? 6U : static_cast<unsigned>(l.version);
  put32(out, version << 28 | static_cast<std::uint32_t>(l.tos) << 20 | l.label);
  put16(out, l.stated < 0 ? static_cast<unsigned>(rest.size()) : static_cast<unsigned>(l.stated));
  put8(out, l.protocol < 0 ? next : static_cast<unsigned>(l.protocol));
  put8(out, l.ttl);
  put_address(out, l.source);
  put_address(out, l.destination);
}

void PacketBuilder::put_l4(Frame& out, const Layer& l, const Frame& rest) {
  put16(out, l.a);
  put16(out, l.b);
  if (l.kind == Kind::kUdp) {
    put16(
        out, l.stated < 0 ? 8 + static_cast<unsigned>(rest.size()) : static_cast<unsigned>(l.stated)
    );
    put16(out, 0);
    return;
  }
  put32(out, 0x01020304);
  put32(out, (l.flags & 0x10) != 0 ? 0x05060708U : 0U);
  put8(out, static_cast<unsigned>((l.words < 0 ? 5 : l.words) << 4));
  put8(out, l.flags);
  put16(out, 0xffff);
  put32(out, 0);
}

void PacketBuilder::put_gue(Frame& out, const Layer& l, std::uint8_t next) {
  put8(out, static_cast<unsigned>(l.words));
  put8(out, next);
  put16(out, 0);
  append(out, l.content);
}

Frame PacketBuilder::serialize(std::size_t from) const {
  Frame out;
  if (from == layers_.size()) return out;
  const Layer& l = layers_[from];
  const Frame rest = serialize(from + 1);
  const std::uint8_t next = protocol_of(from + 1);
  switch (l.kind) {
    case Kind::kVlan:
      put16(out, l.a);
      put16(out, type_of(from + 1));
      break;
    case Kind::kIpv4:
      put_ipv4(out, l, next, rest);
      break;
    case Kind::kIpv6:
      put_ipv6(out, l, next, rest);
      break;
    case Kind::kExtension:
      put8(out, next);
      // Authentication headers count 4-byte words less 2 (RFC 4302), the others 8-byte units
      // less 1.
      put8(out, l.a == 51 ? l.b / 4U - 2U : l.b / 8U - 1U);
      out.resize(l.b);
      break;
    case Kind::kFragment6:
      put8(out, l.protocol < 0 ? next : static_cast<unsigned>(l.protocol));
      put8(out, 0);
      put16(out, l.a);
      put32(out, l.label);
      break;
    case Kind::kIcmp:
      put8(out, l.a);
      put8(out, l.b);
      put16(out, 0);
      put32(out, l.label);
      out.insert(
          out.end(),
          rest.begin(),
          rest.begin() + std::min<std::ptrdiff_t>(l.options, std::ssize(rest))
      );
      return out;
    case Kind::kTcp:
    case Kind::kUdp:
      put_l4(out, l, rest);
      break;
    case Kind::kGue:
      put_gue(out, l, next);
      break;
    case Kind::kBytes:
      append(out, l.content);
      break;
  }
  append(out, rest);
  return out;
}

Frame PacketBuilder::build() const {
  Frame out;
  put_mac(out, destination_);
  put_mac(out, source_);
  put16(out, type_of(0));
  append(out, serialize(0));
  if (out.size() < pad_) out.resize(pad_);
  if (out.size() > cut_) out.resize(cut_);
  return out;
}

}  // namespace fairlead::testing
