// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery: two hosts that speak only through these functions find each other.
#include "dataplane/neighbour_wire.hh"

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

using net::IpAddr;

OwnAddresses host(std::uint8_t number) {
  OwnAddresses own;
  own.mac = {{2, 0, 0, 0, 0, number}};
  own.v4 = IpAddr::v4(192, 0, 2, number);
  own.v6 = IpAddr::parse("2001:db8::" + std::to_string(number));
  return own;
}

class BothFamilies : public testing::TestWithParam<bool> {
 protected:
  static IpAddr address(const OwnAddresses& h) { return GetParam() ? *h.v6 : *h.v4; }
};

TEST_P(BothFamilies, QuestionIsAnsweredAndBothLearn) {
  const auto a = host(1);
  const auto b = host(2);

  const auto question = ask(address(b), a);
  ASSERT_TRUE(question);
  const Heard at_b = hear(question->view(), b);
  ASSERT_TRUE(at_b.answer);
  const Heard at_a = hear(at_b.answer->view(), a);

  EXPECT_EQ(at_b.neighbour, (Neighbour{address(a), a.mac}));
  EXPECT_EQ(at_a.neighbour, (Neighbour{address(b), b.mac}));
  EXPECT_FALSE(at_a.answer);
}

TEST_P(BothFamilies, QuestionForAnotherHostIsIgnored) {
  const Heard heard = hear(ask(address(host(3)), host(1))->view(), host(2));

  EXPECT_FALSE(heard.answer);
}

TEST_P(BothFamilies, EveryTruncationIsIgnored) {
  const auto question = ask(address(host(2)), host(1));
  for (std::size_t length = 0; length < 42; ++length) {
    EXPECT_FALSE(hear(question->view().first(length), host(2)).answer) << length;
  }
}

TEST_P(BothFamilies, WithoutAnAddressOfTheFamilyNothingIsAsked) {
  OwnAddresses nobody;
  EXPECT_FALSE(ask(address(host(2)), nobody));
}

INSTANTIATE_TEST_SUITE_P(V4V6, BothFamilies, testing::Bool());

TEST(NeighbourWire, BadNdChecksumIsIgnored) {
  auto question = ask(*host(2).v6, host(1));
  question->bytes[70] ^= 1;

  EXPECT_FALSE(hear(question->view(), host(2)).answer);
}

TEST(NeighbourWire, RoutedNdIsIgnored) {
  auto question = ask(*host(2).v6, host(1));
  question->bytes[21] = 254;  // hop limit; not in the checksum

  EXPECT_FALSE(hear(question->view(), host(2)).answer);
}

TEST(NeighbourWire, SolicitationGoesToTheSolicitedNodeGroup) {
  const auto question = ask(*IpAddr::parse("2001:db8::12:3456"), host(1));

  const std::array<std::uint8_t, 6> mac = {0x33, 0x33, 0xff, 0x12, 0x34, 0x56};
  EXPECT_TRUE(std::equal(mac.begin(), mac.end(), question->bytes.begin()));
}

TEST(NeighbourWire, OtherPacketsAreNoNeighbourMessages) {
  std::array<std::uint8_t, 60> frame{};
  frame[12] = 8;
  EXPECT_FALSE(is_neighbour_message(frame));
  EXPECT_FALSE(is_neighbour_message({}));
}

}  // namespace
}  // namespace fairlead::dataplane
