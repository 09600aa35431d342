// SPDX-License-Identifier: BSD-3-Clause
// The decapsulator on single frames: what it strips, byte for byte, and what it refuses.
#include <linux/bpf.h>

#include "ebpf/decap.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/include/decap_settings.h"
#include "ebpf/include/sources.h"
#include "tests/unit/ebpf/program_run.hh"

namespace fairlead::testing {
namespace {

const std::string kNode4 = "192.0.2.11";
const std::string kNode6 = "2001:db8::11";
const std::string kBackend4 = "10.0.0.1";
const std::string kBackend6 = "2001:db8:b::1";
const std::string kVip4 = "203.0.113.10";
const std::string kVip6 = "2001:db8:1::10";

class DecapProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    FL_SKIP_UNLESS_ROOT();
    std::size_t bytes = 0;
    const void* const elf = decap_bpf__elf_bytes(&bytes);
    program_ = std::make_unique<LoadedProgram>(elf, bytes, "fl_decap", "fl_decap_count");
    program_->set_vips({
        {*net::Prefix::parse(kVip4), net::IpProto::kTcp, 80},
        {*net::Prefix::parse(kVip6), net::IpProto::kTcp, 80},
    });
    trust({4, *net::IpAddr::parse(kNode4)});
    trust({6, *net::IpAddr::parse(kNode6)});
  }

  struct Source {
    std::uint32_t family;
    net::IpAddr address;
  };
  void trust(const Source& source) {
    fl_source_key key{};
    key.prefix_bits = FL_SOURCE_FAMILY_BITS + static_cast<std::uint32_t>(source.address.bits());
    key.family = source.family;
    std::copy_n(source.address.bytes.begin(), 16, reinterpret_cast<std::uint8_t*>(&key.address));
    const std::uint32_t one = 1;
    ASSERT_EQ(bpf_map_update_elem(program_->map("fl_sources"), &key, &one, BPF_ANY), 0);
  }

  void expect_decapsulated(const Bytes& frame, const Bytes& inside, fl_decap_counter counter) {
    const auto before = program_->count(counter);
    const Outcome r = program_->run(frame);
    EXPECT_EQ(r.verdict, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(r.frame, inside);
    EXPECT_EQ(program_->count(counter), before + 1);
  }
  void expect_dropped(const Bytes& frame, fl_decap_counter counter) {
    const auto before = program_->count(counter);
    EXPECT_EQ(program_->run(frame).verdict, static_cast<std::uint32_t>(XDP_DROP));
    EXPECT_EQ(program_->count(counter), before + 1);
  }
  void expect_untouched(const Bytes& frame) {
    const auto before = program_->count(FL_DECAP_PASSED);
    const Outcome r = program_->run(frame);
    EXPECT_EQ(r.verdict, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(r.frame, frame);
    EXPECT_EQ(program_->count(FL_DECAP_PASSED), before + 1);
  }

  std::unique_ptr<LoadedProgram> program_;
};

Bytes client4(unsigned ecn = 0) {
  return ip4("198.51.100.7", kVip4, 6, tcp(1000, 80), {.ecn = ecn});
}
Bytes client6(unsigned ecn = 0) {
  return ip6("2001:db8:c::7", kVip6, 6, tcp(1000, 80), {.ecn = ecn});
}
Bytes in4(const Bytes& inner, unsigned protocol, const IpFields& f = {}) {
  return ethernet(kIpv4Type, ip4(kNode4, kBackend4, protocol, inner, f));
}
Bytes in6(const Bytes& inner, unsigned protocol, const IpFields& f = {}) {
  return ethernet(kIpv6Type, ip6(kNode6, kBackend6, protocol, inner, f));
}

TEST_F(DecapProgram, StripsIpInIpOfBothFamilies) {
  expect_decapsulated(in4(client4(), 4), ethernet(kIpv4Type, client4()), FL_DECAP_IPIP);
  expect_decapsulated(in4(client6(), 41), ethernet(kIpv6Type, client6()), FL_DECAP_IPIP);
  expect_decapsulated(in6(client4(), 4), ethernet(kIpv4Type, client4()), FL_DECAP_IPIP);
  expect_decapsulated(in6(client6(), 41), ethernet(kIpv6Type, client6()), FL_DECAP_IPIP);
}

TEST_F(DecapProgram, StripsGueWithAndWithoutHops) {
  const std::vector<std::string> three = {"10.0.0.2", "10.0.0.3", "10.0.0.4"};
  const Bytes plain4 = ethernet(kIpv4Type, client4());
  const Bytes plain6 = ethernet(kIpv6Type, client6());

  expect_decapsulated(in4(gue(4, {}, client4()), 17), plain4, FL_DECAP_GUE);
  expect_decapsulated(in4(gue(4, {"10.0.0.2"}, client4()), 17), plain4, FL_DECAP_GUE);
  expect_decapsulated(in4(gue(41, three, client6()), 17), plain6, FL_DECAP_GUE);
  expect_decapsulated(in6(gue(4, {}, client4()), 17), plain4, FL_DECAP_GUE);
  expect_decapsulated(in6(gue(41, {}, client6()), 17), plain6, FL_DECAP_GUE);
}

// On a segment that floods, each backend sees the frame. Passed on by one that it is not for, it
// would come to backends that do not know the connection, whose kernels reset it.
TEST_F(DecapProgram, PassesNothingOnThatIsForAnotherHost) {
  Bytes ack = client4();
  ack[20 + 13] = 0x10;  // of a connection that no socket here has
  Bytes frame = in4(gue(4, {"10.0.0.2"}, ack), 17);
  fl_decap_settings settings{};
  std::copy_n(frame.begin(), 6, reinterpret_cast<std::uint8_t*>(&settings.own));
  const std::uint32_t first = 0;
  const int map = program_->map("fl_decap_settings");
  ASSERT_EQ(bpf_map_update_elem(map, &first, &settings, BPF_ANY), 0);
  EXPECT_EQ(program_->run(frame).verdict, static_cast<std::uint32_t>(XDP_TX));
  Bytes left = ethernet(kIpv4Type, ack);
  frame[5] ^= 1;
  left[5] ^= 1;
  expect_decapsulated(frame, left, FL_DECAP_GUE);
  EXPECT_EQ(program_->count(FL_DECAP_HOP_OTHER_HOST), 1U);
}

TEST_F(DecapProgram, KeepsVlanTags) {
  const Bytes outer4 = ip4(kNode4, kBackend4, 41, client6());
  const Bytes outer6 = ip6(kNode6, kBackend6, 4, client4());
  expect_decapsulated(
      ethernet(kIpv4Type, outer4, {5}), ethernet(kIpv6Type, client6(), {5}), FL_DECAP_IPIP
  );
  expect_decapsulated(
      ethernet(kIpv6Type, outer6, {5, 6}), ethernet(kIpv4Type, client4(), {5, 6}), FL_DECAP_IPIP
  );
}

TEST_F(DecapProgram, DropsWhatAForeignSourceSendsToOurVip) {
  const Bytes foreign4 = ip4("192.0.2.12", kBackend4, 4, client4());
  const Bytes foreign6 = ip6("2001:db8::12", kBackend6, 17, gue(41, {}, client6()));
  expect_dropped(ethernet(kIpv4Type, foreign4), FL_DECAP_FOREIGN_SOURCE);
  expect_dropped(ethernet(kIpv6Type, foreign6), FL_DECAP_FOREIGN_SOURCE);
}

TEST_F(DecapProgram, DropsWhatANodeSendsToAForeignVip) {
  const Bytes other_port = ip4("198.51.100.7", kVip4, 6, tcp(1000, 81));
  const Bytes other_address = ip4("198.51.100.7", "203.0.113.99", 6, tcp(1000, 80));
  expect_dropped(in4(other_port, 4), FL_DECAP_FOREIGN_VIP);
  expect_dropped(in4(gue(4, {}, other_address), 17), FL_DECAP_FOREIGN_VIP);
}

TEST_F(DecapProgram, LeavesOtherTrafficAlone) {
  const Bytes other = ip4("198.51.100.7", "203.0.113.99", 6, tcp(1000, 80));
  expect_untouched(ethernet(kIpv4Type, client4()));  // l2 direct return
  expect_untouched(ethernet(0x0806, Bytes(28)));
  expect_untouched(ethernet(kIpv4Type, ip4(kNode4, kBackend4, 17, udp(1, 53))));
  expect_untouched(ethernet(kIpv4Type, ip4(kNode4, kBackend4, 6, tcp(1, 22))));
  expect_untouched(ethernet(kIpv4Type, ip4("192.0.2.99", kBackend4, 4, other)));
  expect_untouched(ethernet(kIpv4Type, ip4("192.0.2.99", kBackend4, 17, udp(1, 19523, Bytes(3)))));
}

TEST_F(DecapProgram, AcceptsErrorsAndFragmentsForAVipsAddress) {
  const Bytes icmp = ip4("198.51.100.7", kVip4, 1, Bytes(36));
  const Bytes later = ip4("198.51.100.7", kVip4, 6, Bytes(16), {.fragment = 0x0010});
  expect_decapsulated(in4(icmp, 4), ethernet(kIpv4Type, icmp), FL_DECAP_IPIP);
  expect_decapsulated(in4(later, 4), ethernet(kIpv4Type, later), FL_DECAP_IPIP);
}

// What nodes forward (net/extensions.hh), with the authentication header, which counts words of 4
// bytes.
TEST_F(DecapProgram, FindsThePortBehindEachExtensionHeader) {
  const auto behind = [](int type, const Bytes& header) {
    IpFields fields;
    fields.next = type;
    fields.options = header;
    return ip6("2001:db8:c::7", kVip6, 6, tcp(1000, 80), fields);
  };
  const Bytes plain = {6, 0, 0, 0, 0, 0, 0, 0};
  const Bytes authentication = Bytes{6, 4, 0, 0} + Bytes(20);
  for (const auto& [type, header] : std::vector<std::pair<int, Bytes>>{
           {0, plain}, {43, plain}, {44, plain}, {51, authentication}, {60, plain}, {135, plain}}) {
    const Bytes inner = behind(type, header);
    expect_decapsulated(in4(inner, 41), ethernet(kIpv6Type, inner), FL_DECAP_IPIP);
  }
  expect_dropped(in4(behind(51, Bytes{6, 200, 0, 0} + Bytes(20)), 41), FL_DECAP_TRUNCATED);
}

TEST_F(DecapProgram, AcceptsLaterFragmentsThatBeginWithAnExtensionHeader) {
  IpFields fields;
  fields.next = 44;
  for (const std::uint8_t after : {std::uint8_t{60}, std::uint8_t{51}}) {
    fields.options = Bytes{after, 0, 0, 0x10, 0, 0, 0, 9};
    const Bytes later = ip6("2001:db8:c::7", kVip6, 6, Bytes(16), fields);
    expect_decapsulated(in6(later, 41), ethernet(kIpv6Type, later), FL_DECAP_IPIP);
  }
  fields.options = Bytes{50, 0, 0, 0x10, 0, 0, 0, 9};
  expect_dropped(in6(ip6("2001:db8:c::7", kVip6, 6, Bytes(16), fields), 41), FL_DECAP_FOREIGN_VIP);
}

TEST_F(DecapProgram, RefusesMalformedTunnels) {
  Bytes version = in4(gue(4, {}, client4()), 17);
  version[42] |= 0x40;
  Bytes control = in4(gue(4, {}, client4()), 17);
  control[42] |= 0x20;
  Bytes hops = in4(gue(4, {"10.0.0.2"}, client4()), 17);
  hops[49] = 2;
  Bytes checksum = in4(client4(), 4);
  checksum[24] ^= 1;
  for (const Bytes& frame : {version, control, hops, checksum}) {
    expect_dropped(frame, FL_DECAP_MALFORMED);
  }
  expect_dropped(in4(gue(50, {}, client4()), 17), FL_DECAP_MALFORMED);
  expect_dropped(in4(client6(), 4), FL_DECAP_MALFORMED);
  expect_dropped(in4(client4(), 4, {.fragment = 0x2000}), FL_DECAP_FRAGMENT);
}

TEST_F(DecapProgram, CarriesCongestionMarksIn) {
  // outer, inner -> inner after decapsulation (RFC 6040, figure 4); -1: dropped.
  struct Row {
    unsigned outer, inner;
    int after;
  };
  static constexpr Row kRows[] = {
      {0, 0, 0},
      {0, 1, 1},
      {0, 2, 2},
      {0, 3, 3},
      {2, 0, 0},
      {2, 1, 1},
      {2, 2, 2},
      {2, 3, 3},
      {1, 0, 0},
      {1, 1, 1},
      {1, 2, 1},
      {1, 3, 3},
      {3, 0, -1},
      {3, 1, 3},
      {3, 2, 3},
      {3, 3, 3},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(std::to_string(row.outer) + " over " + std::to_string(row.inner));
    const Bytes four = in4(client4(row.inner), 4, {.ecn = row.outer});
    const Bytes six = in6(client6(row.inner), 41, {.ecn = row.outer});
    if (row.after < 0) {
      expect_dropped(four, FL_DECAP_ECN_DROPPED);
      expect_dropped(six, FL_DECAP_ECN_DROPPED);
      continue;
    }
    const auto after = static_cast<unsigned>(row.after);
    expect_decapsulated(four, ethernet(kIpv4Type, client4(after)), FL_DECAP_IPIP);
    expect_decapsulated(six, ethernet(kIpv6Type, client6(after)), FL_DECAP_IPIP);
  }
  EXPECT_EQ(program_->count(FL_DECAP_ECN_CE), 4U);
}

TEST_F(DecapProgram, NeverReadsPastATruncatedFrame) {
  const std::vector<Bytes> whole = {
      in4(client4(), 4),
      in6(client6(), 41),
      in4(gue(4, {"10.0.0.2", "10.0.0.3"}, client4()), 17),
      in6(gue(41, {}, client6()), 17),
  };
  for (const Bytes& frame : whole) {
    const std::size_t ports = frame.size() - 16;
    for (std::size_t length = 14; length < ports; ++length) {
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
      const Outcome r = program_->run(cut);
      const bool dropped = r.verdict == static_cast<std::uint32_t>(XDP_DROP);
      EXPECT_TRUE(dropped || r.frame == cut) << length << ": passed, but not as it was";
    }
  }
  EXPECT_EQ(program_->count(FL_DECAP_IPIP) + program_->count(FL_DECAP_GUE), 0U);
  EXPECT_GT(program_->count(FL_DECAP_TRUNCATED), 0U);
}

}  // namespace
}  // namespace fairlead::testing
