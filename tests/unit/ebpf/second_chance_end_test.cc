// SPDX-License-Identifier: BSD-3-Clause
// Where second chance ends: with the list, or with the outer TTL.
#include "tests/unit/ebpf/second_chance_backend.hh"

namespace fairlead::testing {
namespace {

// A list that is longer than the TTL reaches ends on the way. The packet is dropped: here the
// kernel would reset a connection that another backend may well have.
TEST_F(SecondChance, DropsWhatHasNoTtlLeftForTheNextHop) {
  const Bytes inner = client4(kUnknownPort, kAck);
  const std::vector<std::string> six = {"2001:db8:b::2", "2001:db8:b::3"};
  const auto arrives4 = [&](int ttl) {
    return ethernet(kIpv4Type, over4("10.0.0.9", kSelf4, listed(4, kTwo, 1, inner), ttl));
  };
  const auto arrives6 = [&](int ttl) {
    return ethernet(kIpv6Type, over6(kNode6, kSelf6, listed(4, six, 1, inner), ttl));
  };
  expect_passed_on(
      arrives4(2),
      answered(kIpv4Type, over4(kSelf4, "10.0.0.3", listed(4, kTwo, 2, inner), /*ttl=*/1))
  );
  expect_passed_on(
      arrives6(2), answered(kIpv6Type, over6(kSelf6, six[1], listed(4, six, 2, inner), /*ttl=*/1))
  );
  const auto before = program_->count(FL_DECAP_TTL_EXPIRED);
  const auto passed_on = program_->count(FL_DECAP_PASSED_ON);
  unsigned dropped = 0;
  for (const int ttl : {1, 0}) {
    for (const Bytes& frame : {arrives4(ttl), arrives6(ttl)}) {
      EXPECT_EQ(program_->run(frame).verdict, static_cast<std::uint32_t>(XDP_DROP));
      EXPECT_EQ(program_->count(FL_DECAP_TTL_EXPIRED), before + ++dropped);
    }
  }
  EXPECT_EQ(program_->count(FL_DECAP_PASSED_ON), passed_on);
}

TEST_F(SecondChance, TheLastTtlIsEnoughForWhatEndsHere) {
  const Bytes known = client4(kKnownPort, kAck);
  const Bytes unknown = client4(kUnknownPort, kAck);
  const auto arrives = [&](const Bytes& datagram) {
    return ethernet(kIpv4Type, over4(kNode4, kSelf4, datagram, /*ttl=*/1));
  };
  expect_ours(arrives(listed(4, kTwo, 0, known)), ethernet(kIpv4Type, known), FL_DECAP_HOP_SOCKET);
  expect_ours(
      arrives(listed(4, kTwo, 2, unknown)), ethernet(kIpv4Type, unknown), FL_DECAP_HOP_LAST
  );
  expect_ours(
      arrives(listed(4, {kSelf4}, 0, unknown)), ethernet(kIpv4Type, unknown), FL_DECAP_HOP_SELF
  );
}

// The longest list, from the node to its end: 64 passes are enough for 23 hops, and each backend
// sees the packet once.
TEST_F(SecondChance, TheLongestListComesToItsEnd) {
  std::vector<std::string> hops;
  for (int i = 2; i <= 24; ++i) hops.push_back("10.0.0." + std::to_string(i));
  for (const std::string& hop : hops) trust(hop, FL_SOURCE_BACKEND);
  trust(kSelf4, FL_SOURCE_BACKEND);
  const Bytes inner = client4(kUnknownPort, kAck);
  std::string from = kNode4;
  std::string to = kSelf4;
  int ttl = 64;
  for (unsigned next = 0; next < hops.size(); ++next, --ttl) {
    expect_passed_on(
        ethernet(kIpv4Type, over4(from, to, listed(4, hops, next, inner), ttl)),
        answered(kIpv4Type, over4(to, hops[next], listed(4, hops, next + 1, inner), ttl - 1))
    );
    from = to;
    to = hops[next];
  }
  expect_ours(
      ethernet(kIpv4Type, over4(from, to, listed(4, hops, 23, inner), ttl)),
      ethernet(kIpv4Type, inner),
      FL_DECAP_HOP_LAST
  );
}

}  // namespace
}  // namespace fairlead::testing
