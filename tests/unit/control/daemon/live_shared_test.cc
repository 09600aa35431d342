// SPDX-License-Identifier: BSD-3-Clause
// Two nodes with one etcd: operators' decisions and configurations hold on both, with etcd and
// without it.
#include <algorithm>
#include <csignal>

#include <gtest/gtest.h>

#include "tests/unit/control/daemon/running_control.hh"
#include "tests/unit/control/etcd/running_etcd.hh"

namespace fairlead::control {
namespace {

class SharedTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!etcd::RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
    etcd.start_all();
    write("lb1", one);
    write("lb2", two);
    one.start();
    two.start();
    ASSERT_TRUE(away(one, false) && away(two, false)) << one.log();
  }
  void write(const std::string& id, const RunningControl& node, const std::string& b = "b2") const {
    node.write_file(head(id, node) + shared(b));
  }
  [[nodiscard]] std::string head(const std::string& id, const RunningControl& node) const {
    return "node: {id: " + id + ", address: 192.0.2.11, runtime_dir: " + node.folder() +
           "/run}\nmetrics: {listen: off}\nmonitoring: {listen: off}\n" +
           "fleet: {etcd: {endpoints: [\"" + etcd.endpoints()[0] + "\"]}}\n";
  }
  static std::string shared(const std::string& second) {
    return "health: {type: none}\npolicy: {name: static}\n"
           "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [" +
           std::string("{id: b1, address: 10.0.0.1}, {id: ") + second + ", address: 10.0.0.2}]}\n";
  }
  static std::string shop() {
    return "  - {name: shop, address: 203.0.113.20, port: 80, backends: [{id: b1, address: "
           "10.0.0.1}]}\n";
  }
  static Json etcd_of(const RunningControl& node) { return node.result("show status")["etcd"]; }
  static bool away(const RunningControl& node, bool expected) {
    return RunningControl::eventually([&] { return etcd_of(node)["away"] == expected; });
  }
  static bool state(const RunningControl& node, const std::string& id, const std::string& word) {
    return RunningControl::eventually([&] { return node.backend(id).value("state", "") == word; });
  }
  static Json digest(const RunningControl& node) { return node.result("show status")["digest"]; }
  static bool lists(const RunningControl& node, const std::string& id) {
    const Json backends = node.result("show backend")["backends"];
    return std::any_of(backends.begin(), backends.end(), [&](const Json& row) {
      return row["id"] == id;
    });
  }
  static bool has(const RunningControl& node, const std::string& id) {
    return RunningControl::eventually([&] { return lists(node, id); });
  }

  etcd::RunningEtcd etcd{1};
  RunningControl one;
  RunningControl two;
};

TEST_F(SharedTest, ADrainAWeightAndAFreezeHoldOnAllNodesWhoeverWasAsked) {
  one.result("drain backend", {{"backend", "b1"}});
  EXPECT_TRUE(state(two, "b1", "draining"));
  two.result("set backend", {{"backend", "b2"}, {"weight", 70}});
  two.result("freeze weights");
  EXPECT_TRUE(one.eventually([&] {
    return one.result("show status")["frozen"] == true && one.backend("b2")["weight"] == 70;
  }));
  EXPECT_TRUE(one.eventually([&] { return digest(one) == digest(two); }));

  two.result("undrain backend", {{"backend", "b1"}});
  EXPECT_TRUE(state(one, "b1", "active"));
  one.result("thaw weights");
  EXPECT_TRUE(one.eventually([&] { return two.result("show status")["frozen"] == false; }));
  // A node's own file ends no decision of the fleet.
  one.signal(SIGHUP);
  EXPECT_TRUE(one.eventually([&] { return one.result("show status")["reloads"]["taken"] == 1; }));
  EXPECT_EQ(one.backend("b2")["weight"], 70);
}

TEST_F(SharedTest, ADecisionIsThereForANodeThatComesLaterAndOneWithoutEtcdCatchesUp) {
  two.kill_now();
  one.result("maint backend", {{"backend", "b1"}, {"switch", "on"}});
  two.start();
  EXPECT_TRUE(state(two, "b1", "draining"));

  etcd.kill_all();
  ASSERT_TRUE(away(one, true) && away(two, true));
  EXPECT_EQ(two.backend("b1")["state"], "draining") << "the last state stays";
  two.result("maint backend", {{"backend", "b1"}, {"switch", "off"}});
  EXPECT_TRUE(state(two, "b1", "active")) << "a decision counts where it was made";
  EXPECT_EQ(etcd_of(two)["waiting"], 1);
  two.kill_now();
  two.start();
  EXPECT_TRUE(state(two, "b1", "active"));

  etcd.start_all();
  EXPECT_TRUE(state(one, "b1", "active")) << "and everywhere when etcd is back";
  EXPECT_TRUE(away(two, false));
  EXPECT_NE(one.log().find("etcd is away, things stay as they are"), std::string::npos);
  EXPECT_NE(one.log().find("etcd is back"), std::string::npos);
}

TEST_F(SharedTest, AConfigurationThatWasSharedIsInForceOnAllNodes) {
  EXPECT_EQ(one.result("config share")["changed"], true);
  write("lb1", one, "b3");
  const std::string text = one.config_text();
  one.result("config load", {{"text", text}, {"name", "new.yaml"}});
  one.result("config commit", {{"note", "b3 for b2"}});
  ASSERT_TRUE(has(two, "b3")) << two.log();
  EXPECT_TRUE(one.eventually([&] { return digest(one) == digest(two); }));
  EXPECT_EQ(etcd_of(two)["configuration"], "lb1");
  EXPECT_EQ(two.result("show status")["node"], "lb2") << "a node keeps its own sections";

  // Its own file does not count for what the fleet shares, now and after a start.
  two.signal(SIGHUP);
  EXPECT_TRUE(two.eventually([&] { return two.result("show status")["reloads"]["taken"] == 2; }));
  EXPECT_TRUE(has(two, "b3"));
  two.kill_now();
  etcd.kill_all();
  two.start();
  EXPECT_TRUE(has(two, "b3")) << "also without etcd";
  etcd.start_all();
  ASSERT_TRUE(away(one, false) && away(two, false));

  EXPECT_FALSE(two.result("config rollback").contains("etcd_away"));
  EXPECT_TRUE(has(one, "b2")) << one.log();
}

TEST_F(SharedTest, ACommitWhileEtcdIsAwaySaysSoAndComesToAllAfterwards) {
  one.result("config share");
  etcd.kill_all();
  ASSERT_TRUE(away(one, true) && away(two, true));
  one.result("config load", {{"text", head("lb1", one) + shared("b4")}, {"name", "t"}});
  EXPECT_EQ(one.result("config commit")["etcd_away"], true);
  EXPECT_TRUE(lists(one, "b4"));
  EXPECT_FALSE(lists(two, "b4"));
  etcd.start_all();
  EXPECT_TRUE(has(two, "b4")) << two.log();
}

TEST_F(SharedTest, ATrialStaysOnItsNodeUntilItIsConfirmed) {
  one.result("config share");
  one.result("config load", {{"text", head("lb1", one) + shared("b4")}, {"name", "t"}});
  one.result("config commit", {{"confirm_ms", 600'000}});
  ASSERT_TRUE(has(one, "b4"));
  // What another node decides meanwhile reaches this one, and the trial goes on.
  two.result("drain backend", {{"backend", "b1"}});
  EXPECT_TRUE(state(one, "b1", "draining"));
  EXPECT_TRUE(has(one, "b4"));
  EXPECT_FALSE(lists(two, "b4"));
  one.result("config confirm");
  EXPECT_TRUE(has(two, "b4"));
}

TEST_F(SharedTest, AVipThatLeavesTheFleetIsMadeAgainEnabled) {
  const auto commit = [&](const RunningControl& node, const std::string& id, bool with_shop) {
    const std::string text = head(id, node) + shared("b2") + (with_shop ? shop() : "");
    node.result("config load", {{"text", text}, {"name", "t"}});
    return node.result("config commit");
  };
  const auto vip = [](const RunningControl& node) {
    const Json shown = node.result("show vip");
    for (const Json& row : shown.at("vips"))
      if (row["name"] == "shop") return row["state"].get<std::string>();
    return std::string("gone");
  };
  const auto everywhere = [&](const std::string& state) {
    return RunningControl::eventually([&] { return vip(one) == state && vip(two) == state; });
  };
  // Vips of its own: another node may have the vip, so the decision stays, and is told.
  commit(one, "lb1", true);
  one.result("disable vip", {{"vip", "shop"}});
  commit(one, "lb1", false);
  EXPECT_EQ(
      commit(one, "lb1", true)["warnings"],
      Json::array({"vip shop is disabled by an operator: enable vip shop"})
  );
  EXPECT_EQ(vip(one), "disabled");

  one.result("config share");
  ASSERT_TRUE(everywhere("disabled")) << two.log();
  commit(two, "lb2", false);
  ASSERT_TRUE(everywhere("gone"));
  commit(one, "lb1", true);
  EXPECT_TRUE(everywhere("serving")) << two.log();
}

TEST_F(SharedTest, OfTwoNodesThatRampOneBackendOneWinsAndTheOtherSaysSo) {
  const auto ramp = [](const RunningControl& node, int weight, int ms) {
    return node.result("set backend", {{"backend", "b1"}, {"weight", weight}, {"ramp_ms", ms}});
  };
  const auto by = [](const RunningControl& node) {
    return node.backend("b1").value("ramp_node", "");
  };
  const auto agreed = [&](const std::string& node) {
    return RunningControl::eventually([&] { return by(one) == node && by(two) == node; });
  };
  ramp(one, 9000, 86'400'000);
  ASSERT_TRUE(agreed("lb1"));
  EXPECT_EQ(ramp(two, 200, 1500)["note"], "ends the ramp that node lb1 began");
  ASSERT_TRUE(agreed("lb2"));
  EXPECT_NE(one.log().find("ramp ends vip=web backend=b1 by=node lb2 ramps it"), std::string::npos);
  EXPECT_TRUE(one.eventually([&] {
    return one.backend("b1")["configured_weight"] == 200 && by(one).empty() && by(two).empty();
  }));

  // Both at once, as far as they know: etcd is away.
  etcd.kill_all();
  ASSERT_TRUE(away(one, true) && away(two, true));
  ramp(one, 9000, 86'400'000);
  ramp(two, 5000, 86'400'000);
  etcd.start_all();
  ASSERT_TRUE(one.eventually([&] { return !by(one).empty() && by(one) == by(two); }));
  const bool first = by(one) == "lb1";
  EXPECT_NE(
      (first ? two : one).log().find(first ? "node lb1 ramps it" : "lb2 ramps it\n"),
      std::string::npos
  );
  EXPECT_EQ(one.backend("b1")["ramp_to"], first ? 9000 : 5000);
  // A weight that is set ends it, whoever takes the steps.
  (first ? two : one).result("set backend", {{"backend", "b1"}, {"weight", 50}});
  EXPECT_TRUE(one.eventually([&] {
    return by(one).empty() && by(two).empty() && one.backend("b1")["configured_weight"] == 50 &&
           two.backend("b1")["configured_weight"] == 50;
  }));
}

}  // namespace
}  // namespace fairlead::control
