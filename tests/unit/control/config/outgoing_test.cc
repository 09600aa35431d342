// SPDX-License-Identifier: BSD-3-Clause
// Sections `tunnel` and `icmp`, and a vip's `mss` and `echo`.
#include <string>

#include <gtest/gtest.h>

#include "control/config/config.hh"

namespace fairlead::config {
namespace {

#define VIP \
  "vips: [{name: w, address: 203.0.113.1, port: 80, backends: [{id: b, address: 10.0.0.1}]"

std::string refusal(const std::string& text) {
  const auto c = parse_config(text, "c.yaml");
  return c ? "accepted" : c.error().what;
}

TEST(Outgoing, EveryKeyIsRead) {
  const auto c = parse_config(
      "tunnel: {source: 10.99.0.0/16, source6: \"2001:db8:9::/64\", ttl: 33, dscp: 46, df: copy,\n"
      "  udp_checksum: inner}\n"
      "icmp: {errors: 5, echo: 0, source: node}\n" VIP ", mss: auto, echo: kernel}]\n",
      "c.yaml"
  );

  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->outgoing.source4, net::Prefix::parse("10.99.0.0/16"));
  EXPECT_EQ(c->outgoing.source6, net::Prefix::parse("2001:db8:9::/64"));
  EXPECT_EQ(c->outgoing.ttl, 33);
  EXPECT_EQ(c->outgoing.dscp, 46);
  EXPECT_EQ(c->outgoing.df, model::OuterDf::kCopy);
  EXPECT_TRUE(c->outgoing.udp_checksum);
  EXPECT_EQ(c->outgoing.icmp_error_limit, 5U);
  EXPECT_EQ(c->outgoing.icmp_echo_limit, 0U);
  EXPECT_TRUE(c->outgoing.icmp_from_node);
  EXPECT_EQ(c->vips[0].mss, FL_MSS_AUTO);
  EXPECT_FALSE(c->vips[0].answers_echo);
}

TEST(Outgoing, WordsOfTheDefaultsMeanTheDefaults) {
  const auto c = parse_config(
      "tunnel: {source: node, source6: node, ttl: 64, dscp: copy, df: set, udp_checksum: zero}\n"
      "icmp: {errors: 1000, echo: 1000, source: vip}\n" VIP ", mss: off, echo: answer}]\n",
      "c.yaml"
  );

  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->outgoing, model::Outgoing{});
  EXPECT_EQ(c->vips[0].mss, 0);
  EXPECT_TRUE(c->vips[0].answers_echo);
}

TEST(Outgoing, RefusesWhatMakesNoSense) {
  EXPECT_EQ(
      refusal("tunnel: {source: \"2001:db8::/64\"}\n" VIP "}]"),
      "c.yaml:1: tunnel.source: is IPv6, write it as source6"
  );
  EXPECT_EQ(
      refusal("tunnel: {source: 0.0.0.0/0}\n" VIP "}]"),
      "c.yaml:1: tunnel.source: is too short: use a prefix of at least 8 bits"
  );
  EXPECT_EQ(
      refusal("tunnel: {dscp: 64}\n" VIP "}]"),
      "c.yaml:1: tunnel.dscp: '64' is not copy or a number from 0 to 63"
  );
  EXPECT_EQ(
      refusal(VIP ", mss: 100}]"),
      "c.yaml:1: vips[0].mss: '100' is not off, auto or a number of bytes from 216 to 9000"
  );
  EXPECT_EQ(
      refusal(VIP ", protocol: udp, mss: auto}]"),
      "c.yaml:1: vips[0].mss: is for TCP vips, remove it"
  );
  EXPECT_EQ(
      refusal(
          "vips:\n"
          "- {name: a, address: 203.0.113.1, port: 80, backends: [{id: b, address: 10.0.0.1}]}\n"
          "- {name: b, address: 203.0.113.1, port: 81, echo: kernel,\n"
          "   backends: [{id: b, address: 10.0.0.1}]}\n"
      ),
      "c.yaml:3: vips[1].echo: differs from the vip at the same address (vips[0], line 2), use one "
      "value"
  );
}

}  // namespace
}  // namespace fairlead::config
