// SPDX-License-Identifier: BSD-3-Clause
// Cutting a configuration into what is the node's and what is the fleet's.
#include "control/config/sections.hh"

#include <gtest/gtest.h>

#include "control/config/config.hh"

namespace fairlead::config {
namespace {

constexpr const char* kNode =
    "# of lb1\n"
    "node: {id: lb1, address: 192.0.2.11}\n"
    "vips:\n"
    "  # the shop\n"
    "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
    "      {id: b1, address: 10.0.0.1}]}\n"
    "metrics: {listen: off}\n"
    "health: {interval: 1s}";

TEST(Sections, TheSharedOnesComeOutInTheirOrderAndWithTheirComments) {
  EXPECT_EQ(
      *shared_part(kNode, "c.yaml"),
      "vips:\n"
      "  # the shop\n"
      "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
      "      {id: b1, address: 10.0.0.1}]}\n"
      "health: {interval: 1s}\n"
  );
  EXPECT_EQ(*shared_part("node: {id: lb1}\n", "c.yaml"), "");
}

TEST(Sections, ANodeKeepsItsOwnAndTakesAllOthers) {
  const std::string fleet =
      "policy: {name: wrr}\n"
      "vips: [{name: web, address: 203.0.113.11, port: 80, backends: [{id: b2, address: "
      "10.0.0.2}]}]\n";
  const auto text = with_shared(kNode, "c.yaml", fleet);
  ASSERT_TRUE(text);
  const auto config = parse_config(*text, "c.yaml");
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->node.id, "lb1");
  EXPECT_EQ(config->metrics_listen, "");
  EXPECT_EQ(config->policy, model::PolicyName::kWrr);
  EXPECT_EQ(config->vips[0].backends[0].id, "b2");
  EXPECT_EQ(text->find("interval"), std::string::npos) << "health is the fleet's, and it has none";
  EXPECT_EQ(*shared_part(*text, "c.yaml"), fleet);
}

TEST(Sections, WhatCannotBeCutIsRefusedWithItsLine) {
  EXPECT_EQ(
      shared_part("{node: {id: lb1}, vips: []}\n", "c.yaml").error().what,
      "c.yaml:1: vips: a fleet needs every section on lines of its own, begin it on a new line"
  );
  const auto refused = with_shared(kNode, "c.yaml", "health: {}\nnode: {id: lb2}\n");
  EXPECT_EQ(
      refused.error().what,
      "the fleet's configuration:2: 'node' belongs to each node's file, remove it"
  );
}

}  // namespace
}  // namespace fairlead::config
