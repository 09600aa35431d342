// SPDX-License-Identifier: BSD-3-Clause
// A user's own fleet: what the section `simulation` says is what the run is given.
#include "control/sim/from_config.hh"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "control/config/load.hh"
#include "control/sim/simulation.hh"

namespace fairlead::sim {
namespace {

constexpr const char* kFleet =
    "node: {id: lb1, address: 192.0.2.11}\n"
    "vips:\n"
    "  - {name: web, address: 203.0.113.10, port: 80}\n"
    "simulation:\n"
    "  nodes: 3\n"
    "  backends: {count: 10}\n"
    "  duration: 4s\n";

base::Result<Setup> setup_with(const std::string& keys) {
  const auto config = config::parse_config(kFleet + keys, "c.yaml", config::Purpose::kSimulate);
  if (!config) return tl::unexpected(config.error());
  return setup_from(*config);
}

std::string refusal(const std::string& keys) {
  const auto setup = setup_with(keys);
  return setup ? "accepted" : setup.error().what;
}

TEST(FromConfig, EventsBecomeFaultsByTime) {
  const auto s = setup_with(
      "  events:\n"
      "    - {at: 3s, what: node-death, who: [lb2]}\n"
      "    - {at: 1s, what: slow, factor: 0.25, who: [b2, b3]}\n"
  );

  ASSERT_TRUE(s) << s.error().what;
  ASSERT_EQ(s->faults.size(), 4U);
  EXPECT_EQ(s->faults[0].at, kSecond);
  EXPECT_EQ(s->faults[0].kind, FaultKind::kFactor);
  EXPECT_EQ(s->faults[0].target, 1U);
  EXPECT_EQ(s->faults[1].target, 2U);
  EXPECT_DOUBLE_EQ(s->faults[1].value, 0.25);
  EXPECT_EQ(s->faults[2].kind, FaultKind::kNodeDies);
  EXPECT_EQ(s->faults[3].at, 3 * kSecond + s->node_detection);
}

TEST(FromConfig, WhoJoinsFirstGetsNothingBefore) {
  const auto s = setup_with("  events: [{at: 2s, what: join, who: [b4]}]\n");
  ASSERT_TRUE(s) << s.error().what;
  Time first = 10 * kSecond;
  Watchers watchers;
  watchers.decision = [&](const Decision& d) {
    if (d.backend == 3) first = std::min(first, d.arrival);
  };

  const Measures m = Simulation(*s, watchers).run();

  EXPECT_GE(first, 2 * kSecond);
  EXPECT_GT(m.backends[3].requests, 0U);
}

TEST(FromConfig, AFlashIsMoreRequestsWhileItLasts) {
  const auto s = setup_with("  arrivals: {process: flash, from: 1s, until: 3s, factor: 2}\n");
  ASSERT_TRUE(s) << s.error().what;
  double inside = 0;
  double outside = 0;
  Watchers watchers;
  watchers.decision = [&](const Decision& d) {
    (d.arrival >= kSecond && d.arrival < 3 * kSecond ? inside : outside) += 1;
  };

  Simulation(*s, watchers).run();

  EXPECT_NEAR(inside / outside, 2, 0.15);
}

TEST(FromConfig, AntagonistsRobTheirShare) {
  const auto s = setup_with("  antagonists: 0.5\n");
  ASSERT_TRUE(s) << s.error().what;
  const auto busy_at_start = std::count_if(s->faults.begin(), s->faults.end(), [](const Fault& f) {
    return f.at == 0 && f.kind == FaultKind::kFactor && f.value < 1;
  });

  EXPECT_GE(busy_at_start, 2);
  EXPECT_LE(busy_at_start, 8);
}

TEST(FromConfig, RailsHoldThePolicyAsInTheDaemon) {
  const std::string slow = "  events: [{at: 1s, what: slow, factor: 0.2, who: [b1]}]\n";
  auto free = setup_with(slow);
  auto held = setup_with(slow + "policy: {rails: {floor: 0.9}}\n");
  ASSERT_TRUE(free) << free.error().what;
  ASSERT_TRUE(held) << held.error().what;
  for (auto* setup : {&*free, &*held}) setup->policy.choices = 1;  // the table alone decides

  const Measures without = Simulation(*free).run();
  const Measures with = Simulation(*held).run();

  EXPECT_GT(with.backends[0].requests, without.backends[0].requests);
}

TEST(FromConfig, EventsAfterTheEndAreNamed) {
  const auto config = config::parse_config(
      std::string(kFleet) +
          "  events: [{at: 4s, what: crash, who: [b1]}, "
          "{at: 5s, what: recover, who: [b1]}]\n",
      "c.yaml",
      config::Purpose::kSimulate
  );
  ASSERT_TRUE(config) << config.error().what;
  auto setup = *setup_from(*config);

  const auto late = events_too_late(*config, setup);
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(
      late[0],
      "c.yaml:8: simulation.events[1]: after the end of the run, it never happens (at 5 s, the run "
      "ends after 4 s)"
  );
  setup.duration = 5 * kSecond;
  EXPECT_TRUE(events_too_late(*config, setup).empty());
}

TEST(FromConfig, WhatIsWrongIsSaidWithItsLine) {
  EXPECT_EQ(
      refusal("  events: [{at: 1s, what: crash, who: [b11]}]\n"),
      "c.yaml:8: simulation.events[0]: no 'b11' in this run, it has 10: b1 to b10"
  );
  EXPECT_EQ(
      refusal("  events: [{at: 1s, what: node-death, who: [b1]}]\n"),
      "c.yaml:8: simulation.events[0]: no 'b1' in this run, it has 3: lb1 to lb3"
  );
  EXPECT_EQ(
      refusal("  events: [{at: 1s, what: crash, factor: 2, who: [b1]}]\n"),
      "c.yaml:8: simulation.events[0].factor: belongs to slow and misreport only"
  );
  EXPECT_EQ(
      refusal("  events: [{at: 1s, what: crash}]\n"),
      "c.yaml:8: simulation.events[0].who: nobody, write ids: [b1, b2]"
  );
  EXPECT_EQ(
      refusal("  arrivals: {process: flash, from: 2s, until: 2s}\n"),
      "c.yaml:8: simulation.arrivals.until: must be later than from"
  );
}

}  // namespace
}  // namespace fairlead::sim
