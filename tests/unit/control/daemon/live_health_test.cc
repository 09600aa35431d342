// SPDX-License-Identifier: BSD-3-Clause
// A running fairlead-control and its backends' health: how soon a death is seen, operators' orders,
// flapping, slow start, a kill in the middle of an order.
#include <algorithm>
#include <csignal>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/sys/system_clock.hh"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

Json check(const RunningControl& control, const char* id) {
  return control.result("show health", {{"backend", id}})["checks"][0];
}

// The configuration's interval is 100 ms, its timeout 80 ms, its fall 2.
TEST(ControlHealth, AFailingBackendIsOutWithinFallTimesIntervalPlusTimeout) {
  Backend b1(1);
  RunningControl control;
  auto dying = std::make_unique<Backend>(2);
  const int port = dying->port();
  control.write_config({&b1, dying.get()});
  control.start();
  std::vector<base::Nanoseconds> took;
  for (int death = 0; death < 12; ++death) {
    ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] > 0; }));
    const base::Nanoseconds died = sys::monotonic_ns();
    dying->stop();
    ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] == 0; }));
    took.push_back(sys::monotonic_ns() - died);
    dying = std::make_unique<Backend>(2, port);
  }
  std::sort(took.begin(), took.end());
  RecordProperty("median_ms", static_cast<int>(took[took.size() / 2] / base::kMillisecond));
  RecordProperty("longest_ms", static_cast<int>(took.back() / base::kMillisecond));
  // The protocol's bound; a busy machine may delay a few.
  EXPECT_LE(took[took.size() / 2], (2 * 100 + 80) * base::kMillisecond);
}

TEST(ControlHealth, AnOperatorsWordHoldsOverAKillAndUntilItsEnd) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2}, "", ", min_healthy_pct: 60");
  control.start();
  ASSERT_GT(control.backend("b2")["slots"], 0);

  control.result("set health backend", {{"backend", "b2"}, {"health", "down"}});
  ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] == 0; }));
  EXPECT_EQ(check(control, "b2")["cause"], "operator");
  control.kill_now();
  control.start();
  EXPECT_EQ(control.backend("b2")["slots"], 0);
  EXPECT_EQ(check(control, "b2")["order"], "down");

  control.result("set health backend", {{"backend", "b2"}, {"health", "down"}, {"for_ms", 1000}});
  ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] > 0; }));
  EXPECT_EQ(check(control, "b2")["cause"], "probe");
  EXPECT_FALSE(check(control, "b2").contains("order"));

  b2.stop();
  control.result("set health backend", {{"backend", "b2"}, {"health", "up"}});
  ASSERT_TRUE(control.eventually([&] {
    return check(control, "b2")["failures"] > 3 && check(control, "b2")["cause"] == "operator";
  }));
  EXPECT_GT(control.backend("b2")["slots"], 0);
  control.result("set health backend", {{"backend", "b2"}, {"health", "auto"}});
  EXPECT_TRUE(control.eventually([&] { return check(control, "b2")["state"] == "down"; }));
}

TEST(ControlHealth, SlowStartGivesATenthFirst) {
  Backend b1(1);
  auto b2 = std::make_unique<Backend>(2);
  const int port = b2->port();
  RunningControl control;
  control.write_config({&b1, b2.get()}, "policy: {name: static}\n", ", slow_start: 3s");
  control.start();
  const int whole = control.backend("b2")["slots"];
  EXPECT_EQ(check(control, "b2")["share_pct"], 100);  // a cold start has no slow start

  b2->stop();
  ASSERT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] == 0; }));
  b2 = std::make_unique<Backend>(2, port);
  int first = 0;
  ASSERT_TRUE(control.eventually([&] {
    first = control.backend("b2")["slots"];
    return first > 0;
  }));
  EXPECT_LT(first, whole * 9 / 10);
  EXPECT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] == whole; }));
}

}  // namespace
}  // namespace fairlead::control
