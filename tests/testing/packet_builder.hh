// SPDX-License-Identifier: BSD-3-Clause
// Frames from a sentence: packet().vlan(7).ipv4("198.51.100.7", "203.0.113.10").tcp(40000, 80,
// "S"). Written from the RFCs, not from the code under test: lengths, next protocols and header
// checksums are filled in unless a test asks for wrong ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/addr.hh"

namespace fairlead::testing {

using Frame = std::vector<std::uint8_t>;

/// MAC addresses of the test bench.
inline constexpr const char* kRouterMac = "02:00:00:00:00:01";   // who sends to us
inline constexpr const char* kNodeMac = "02:00:00:00:00:02";     // us
inline constexpr const char* kGatewayMac = "02:00:00:00:00:03";  // our next hop

class PacketBuilder {
 public:
  // --- layers, outermost first ---
  PacketBuilder& ether(std::string_view destination, std::string_view source);
  PacketBuilder& ethertype(std::uint16_t type);  // instead of what follows
  PacketBuilder& vlan(std::uint16_t id, std::uint16_t tag_type = 0x8100);
  PacketBuilder& ipv4(std::string_view source, std::string_view destination);
  PacketBuilder& ipv6(std::string_view source, std::string_view destination);
  /// IPv6 extension header of `bytes` bytes (a multiple of 8), zeros after the length.
  PacketBuilder& extension(std::uint8_t type, unsigned bytes = 8);
  /// `next`: next header, where none of the layers below says it (later fragments).
  PacketBuilder& ipv6_fragment(
      std::uint16_t offset_units, bool more, int next = -1, std::uint32_t id = 0x11223344
  );
  /// ICMP or ICMPv6, by the IP layer above; `rest`: bytes 4 to 7. What follows is quoted, the first
  /// `quoted` bytes of it. The checksum is 0: nobody on the way looks at it.
  PacketBuilder& icmp(
      std::uint8_t type, std::uint8_t code, std::uint32_t rest = 0, std::size_t quoted = 65535
  );
  /// Flags by letter: S A F R P U.
  PacketBuilder& tcp(std::uint16_t source, std::uint16_t destination, std::string_view flags);
  PacketBuilder& udp(std::uint16_t source, std::uint16_t destination);
  /// GUE variant 0; `hops`: addresses of the hop list; without_list leaves the list out.
  PacketBuilder& gue(const std::vector<std::string>& hops = {});
  PacketBuilder& gue_without_list();
  PacketBuilder& bytes(const std::vector<std::uint8_t>& content);
  PacketBuilder& payload(unsigned bytes);

  // --- changes to the innermost IP layer so far ---
  PacketBuilder& ttl(std::uint8_t ttl);
  PacketBuilder& tos(std::uint8_t tos);
  PacketBuilder& flow_label(std::uint32_t label);
  PacketBuilder& df();
  PacketBuilder& id(std::uint16_t id);
  PacketBuilder& ipv4_fragment(std::uint16_t offset_units, bool more);
  PacketBuilder& options(unsigned bytes);        // no-operation options, a multiple of 4
  PacketBuilder& protocol(std::uint8_t number);  // instead of what follows
  PacketBuilder& version(std::uint8_t version);
  PacketBuilder& header_words(std::uint8_t words);    // IHL as stated
  PacketBuilder& stated_length(std::uint16_t bytes);  // total or payload length as stated
  PacketBuilder& wrong_checksum();

  // --- changes to the TCP or UDP layer ---
  PacketBuilder& data_offset(std::uint8_t words);
  PacketBuilder& udp_length(std::uint16_t bytes);

  // --- changes to the finished frame ---
  PacketBuilder& pad_to(std::size_t bytes);  // Ethernet padding
  PacketBuilder& cut_to(std::size_t bytes);  // truncation

  [[nodiscard]] Frame build() const;
  operator Frame() const { return build(); }  // NOLINT(google-explicit-constructor): reads as data

 private:
  enum class Kind { kVlan, kIpv4, kIpv6, kExtension, kFragment6, kIcmp, kTcp, kUdp, kGue, kBytes };
  struct Layer {
    Kind kind{};
    net::IpAddr source;
    net::IpAddr destination;
    std::uint16_t a = 0;  // source port, VLAN id, fragment field, extension type
    std::uint16_t b = 0;  // destination port, tag type, extension bytes
    std::uint8_t flags = 0;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint32_t label = 0;
    std::uint16_t id = 0;
    std::uint16_t fragment = 0;
    unsigned options = 0;
    int protocol = -1;
    int version = -1;
    int words = -1;
    int stated = -1;
    bool wrong = false;
    std::vector<std::uint8_t> content;
  };

  Layer& add(Kind kind);
  Layer& ip();
  [[nodiscard]] Frame serialize(std::size_t from) const;
  [[nodiscard]] std::uint8_t protocol_of(std::size_t layer) const;
  [[nodiscard]] std::uint16_t type_of(std::size_t layer) const;
  static void put_ipv4(Frame& out, const Layer& l, std::uint8_t next, const Frame& rest);
  static void put_ipv6(Frame& out, const Layer& l, std::uint8_t next, const Frame& rest);
  static void put_l4(Frame& out, const Layer& l, const Frame& rest);
  static void put_gue(Frame& out, const Layer& l, std::uint8_t next);

  std::vector<Layer> layers_;
  std::string destination_ = kNodeMac;
  std::string source_ = kRouterMac;
  int ethertype_ = -1;
  std::size_t pad_ = 0;
  std::size_t cut_ = ~std::size_t{0};
};

inline PacketBuilder packet() {
  return {};
}

}  // namespace fairlead::testing
