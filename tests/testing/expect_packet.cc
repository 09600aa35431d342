// SPDX-License-Identifier: BSD-3-Clause
// A small dissector for failure messages.
#include "tests/testing/expect_packet.hh"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace fairlead::testing {
namespace {

class Dissection {
 public:
  explicit Dissection(const Frame& frame) : frame_(frame) {}

  std::vector<std::string> run() {
    if (left() < 14) return rest();
    line("ether.destination", mac(0));
    line("ether.source", mac(6));
    at_ = 12;
    unsigned type = take16("ether.type");
    while ((type == 0x8100 || type == 0x88a8) && left() >= 4) {
      take16("vlan.control");
      type = take16("vlan.type");
    }
    if (type == 0x0800) ipv4();
    if (type == 0x86dd) ipv6();
    return rest();
  }

 private:
  [[nodiscard]] std::size_t left() const { return frame_.size() - at_; }
  void line(const std::string& name, const std::string& value) {
    lines_.push_back(prefix_ + name + " = " + value);
  }
  [[nodiscard]] std::string hex(std::size_t from, std::size_t count) const {
    std::string out;
    char text[4];
    for (std::size_t i = from; i < from + count && i < frame_.size(); ++i) {
      std::snprintf(text, sizeof text, "%02x ", frame_[i]);
      out += text;
    }
    return out;
  }
  [[nodiscard]] std::string mac(std::size_t from) const { return hex(from, 6); }
  unsigned take8(const std::string& name) {
    const unsigned v = frame_[at_++];
    line(name, std::to_string(v));
    return v;
  }
  unsigned take16(const std::string& name) {
    const unsigned v = static_cast<unsigned>(frame_[at_] << 8 | frame_[at_ + 1]);
    at_ += 2;
    char text[24];
    std::snprintf(text, sizeof text, "%u (0x%04x)", v, v);
    line(name, text);
    return v;
  }
  void take(const std::string& name, std::size_t count) {
    line(name, hex(at_, count));
    at_ += count;
  }
  void address(const std::string& name, net::Family family) {
    net::IpAddr a;
    a.family = family;
    const std::size_t bytes = family == net::Family::kIpv4 ? 4 : 16;
    std::memcpy(a.bytes.data(), frame_.data() + at_, bytes);
    at_ += bytes;
    line(name, a.to_string());
  }

  void ipv4() {
    if (left() < 20) return;
    const std::size_t header = (frame_[at_] & 15U) * 4U;
    take8("ipv4.version_ihl");
    take8("ipv4.tos");
    take16("ipv4.length");
    take16("ipv4.id");
    take16("ipv4.fragment");
    take8("ipv4.ttl");
    const unsigned protocol = take8("ipv4.protocol");
    take16("ipv4.checksum");
    address("ipv4.source", net::Family::kIpv4);
    address("ipv4.destination", net::Family::kIpv4);
    if (header > 20 && left() >= header - 20) take("ipv4.options", header - 20);
    next(protocol);
  }
  void ipv6() {
    if (left() < 40) return;
    take("ipv6.version_class_label", 4);
    take16("ipv6.payload_length");
    const unsigned protocol = take8("ipv6.next_header");
    take8("ipv6.hop_limit");
    address("ipv6.source", net::Family::kIpv6);
    address("ipv6.destination", net::Family::kIpv6);
    next(protocol);
  }
  void next(unsigned protocol) {
    if (protocol == 4 || protocol == 41) {
      prefix_ += "inner ";
      if (protocol == 4)
        ipv4();
      else
        ipv6();
    } else if (protocol == 17 && left() >= 8) {
      take16("udp.source_port");
      const unsigned destination = take16("udp.destination_port");
      take16("udp.length");
      take16("udp.checksum");
      if (destination == 19523 && left() >= 4) gue();
    } else if (protocol == 6 && left() >= 20) {
      take16("tcp.source_port");
      take16("tcp.destination_port");
      take("tcp.sequence_and_acknowledgement", 8);
      take8("tcp.data_offset");
      take8("tcp.flags");
      take("tcp.window_checksum_urgent", 6);
    }
  }
  void gue() {
    const std::size_t private_bytes = (frame_[at_] & 31U) * 4U;
    take8("gue.version_hlen");
    const unsigned protocol = take8("gue.protocol");
    take16("gue.flags");
    if (left() < private_bytes) return;
    if (private_bytes != 0) take("gue.private", private_bytes);
    next(protocol);
  }
  std::vector<std::string> rest() {
    if (left() != 0) line("payload (" + std::to_string(left()) + " bytes)", hex(at_, left()));
    return lines_;
  }

  const Frame& frame_;
  std::size_t at_ = 0;
  std::string prefix_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> describe(const Frame& frame) {
  return Dissection(frame).run();
}

::testing::AssertionResult same_frame(const Frame& expected, const Frame& actual) {
  if (expected == actual) return ::testing::AssertionSuccess();
  auto result = ::testing::AssertionFailure();
  result << "frames differ (expected " << expected.size() << " bytes, got " << actual.size()
         << ")\n";
  const auto left = describe(expected);
  const auto right = describe(actual);
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const std::string l = i < left.size() ? left[i] : "(nothing)";
    const std::string r = i < right.size() ? right[i] : "(nothing)";
    if (l != r) result << "  expected " << l << "\n    actual " << r << "\n";
  }
  return result;
}

}  // namespace fairlead::testing
