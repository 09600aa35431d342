// SPDX-License-Identifier: BSD-3-Clause
// Rows made by a loop: frames that end at every byte of every header.
#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

using testing::packet;

namespace {

PacketCase dropped(std::string says, Frame in, fl_reason reason) {
  return {
      .says = std::move(says),
      .in = std::move(in),
      .verdict = steer::Verdict::kDrop,
      .reason = reason};
}

struct Whole {
  const char* name;
  std::size_t layer2;  // bytes of Ethernet and VLAN headers
  Frame frame;
};

std::vector<Whole> whole_frames() {
  return {
      {"TCP over IPv4", 14, packet().ipv4(kClient4, kIpip4).tcp(40000, 80, "S")},
      {"UDP over IPv4 in two VLANs",
       22,
       packet().vlan(2, 0x88a8).vlan(1).ipv4(kClient4, kIpip4).udp(40000, 53)},
      {"TCP over IPv4 with options",
       14,
       packet().ipv4(kClient4, kIpip4).options(12).tcp(40000, 80, "S")},
      {"UDP over IPv6", 14, packet().ipv6(kClient6, kIpip6).udp(40000, 53)},
      {"TCP over IPv6 with extensions",
       14,
       packet()
           .ipv6(kClient6, kIpip6)
           .extension(0)
           .extension(51, 16)
           .extension(60)
           .tcp(40000, 80, "S")},
      {"a fragment over IPv6",
       14,
       packet().ipv6(kClient6, kIpip6).ipv6_fragment(4, false, 17).payload(3)},
      {"an ICMP error",
       14,
       packet()
           .ipv4("192.0.2.99", kIpip4)
           .icmp(3, 4, 1400)
           .ipv4(kIpip4, kClient4)
           .tcp(80, 40000, "A")},
      {"an ICMPv6 error",
       14,
       packet()
           .ipv6("2001:db8:99::1", kIpip6)
           .icmp(2, 0, 1280)
           .ipv6(kIpip6, kClient6)
           .udp(53, 40000)},
  };
}

/// The frame is cut, its length fields are not.
std::vector<PacketCase> cut_frames() {
  std::vector<PacketCase> rows;
  for (const Whole& whole : whole_frames()) {
    for (std::size_t bytes = 1; bytes < whole.frame.size(); ++bytes) {
      const bool in_layer2 = bytes < whole.layer2;
      rows.push_back(dropped(
          "The first " + std::to_string(bytes) + " bytes of " + whole.name + ".",
          Frame(whole.frame.begin(), whole.frame.begin() + static_cast<std::ptrdiff_t>(bytes)),
          in_layer2 ? FL_REASON_TRUNCATED_ETHERNET : FL_REASON_TRUNCATED_IP
      ));
    }
  }
  return rows;
}

/// The lengths agree with what is there.
std::vector<PacketCase> short_packets() {
  std::vector<PacketCase> rows;
  for (unsigned bytes = 0; bytes < 20; ++bytes)
    rows.push_back(dropped(
        "A whole IPv4 packet with " + std::to_string(bytes) + " bytes of TCP.",
        packet().ipv4(kClient4, kIpip4).protocol(6).payload(bytes),
        FL_REASON_TRUNCATED_L4
    ));
  for (unsigned bytes = 0; bytes < 8; ++bytes)
    rows.push_back(dropped(
        "A whole IPv6 packet with " + std::to_string(bytes) + " bytes of UDP.",
        packet().ipv6(kClient6, kIpip6).protocol(17).payload(bytes),
        FL_REASON_TRUNCATED_L4
    ));
  for (unsigned bytes = 0; bytes < 16; ++bytes)
    rows.push_back(dropped(
        "A whole IPv6 packet with " + std::to_string(bytes) + " of 16 bytes of options.",
        packet()
            .ipv6(kClient6, kIpip6)
            .stated_length(static_cast<std::uint16_t>(bytes))
            .protocol(60)
            .bytes({17, 1, 1, 4, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 1, 0}),
        FL_REASON_IPV6_EXTENSIONS
    ));
  for (unsigned bytes = 0; bytes < 8; ++bytes)
    rows.push_back(dropped(
        "An ICMP error that quotes " + std::to_string(bytes) + " bytes of layer 4.",
        packet()
            .ipv4("192.0.2.99", kIpip4)
            .icmp(11, 0, 0, 20 + bytes)
            .ipv4(kIpip4, kClient4)
            .tcp(80, 40000, "A"),
        FL_REASON_BAD_ICMP_ERROR
    ));
  for (unsigned bytes = 0; bytes < 48; ++bytes)
    rows.push_back(dropped(
        "An ICMPv6 error that quotes " + std::to_string(bytes) + " bytes.",
        packet()
            .ipv6("2001:db8:99::1", kIpip6)
            .icmp(3, 0, 0, bytes)
            .ipv6(kIpip6, kClient6)
            .tcp(80, 40000, "A"),
        FL_REASON_BAD_ICMP_ERROR
    ));
  return rows;
}

}  // namespace

std::vector<PacketCase> truncation_cases() {
  std::vector<PacketCase> all = cut_frames();
  auto rows = short_packets();
  all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

}  // namespace fairlead::packet_table
