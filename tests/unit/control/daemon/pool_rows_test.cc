// SPDX-License-Identifier: BSD-3-Clause
// Pools by position: what the index says after changes, who is weighed together, and that a turn
// over positions says what a new one from names says.
#include "control/pool_rows.hh"

#include <map>

#include <gtest/gtest.h>

#include "control/intents.hh"

namespace fairlead::control {
namespace {

model::Vip vip_of(const std::string& name, std::uint8_t number, std::vector<std::string> ids) {
  model::Vip out;
  out.name = name;
  out.prefix = {net::IpAddr::v4(203, 0, 113, number), 32};
  out.port = 80;
  out.table_size = 251;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    model::Backend backend;
    backend.id = ids[i];
    backend.address = net::IpAddr::v4(10, 0, 0, static_cast<std::uint8_t>(ids[i].back()));
    out.backends.push_back(std::move(backend));
  }
  return out;
}

std::vector<model::Vip> equal_vips() {
  return {
      vip_of("api", 1, {"b3", "b1", "b2"}),
      vip_of("web", 2, {"b3", "b1", "b2"}),
      vip_of("dns", 3, {"b3", "b1", "b2"})};
}

/// Control without its processes: configuration, operators, checks, agents, weights, tables.
class Control {
 public:
  explicit Control(std::vector<model::Vip> vips) { configure(std::move(vips)); }

  void configure(std::vector<model::Vip> vips) {
    vips_ = std::move(vips);
    checks.configure(vips_, 0, [](const auto&, const auto&) { return health::State::kUp; });
    rows.configure(vips_, checks);
    intake.set_backends(rows.index().backends());
  }

  /// A turn of the policy. Reports make b1 twice as strong each second.
  void weigh() {
    rows.renew(operators, intake);
    observed = 0;
    now_ += base::kSecond;
    weights.turn(
        rows.index(),
        {model::PolicyName::kWrr, {}, now_},
        [&](std::uint32_t v) {
          const PoolRow& row = rows.row(v);
          std::vector<PoolWeights::Standing> out;
          for (std::size_t i = 0; i < row.base_weight.size(); ++i)
            out.push_back({row.base_weight[i], row.is_held[i] == 0});
          return out;
        },
        [&](std::uint32_t n) { return observe(rows.index().backends()[n]); }
    );
  }

  steering::Plan publish() {
    rows.renew(operators, intake);
    steering::Plan plan = steering_.plan(intents_.renew(input()), {}, now_).value();
    // Nothing is remembered of names: the same must come out.
    IntentRows fresh;
    std::vector<steering::PoolIntent> pools = fresh.renew(input());
    for (steering::PoolIntent& pool : pools) pool.edition = pool.numbers = 0;
    const steering::Plan anew = steering_.plan(pools, {}, now_).value();
    EXPECT_EQ(plan.content, anew.content);
    EXPECT_EQ(plan.digest, anew.digest);
    steering_.commit(plan);
    return plan;
  }

  /// "b1 A100 b2 d0": state and weight in the table of each member.
  [[nodiscard]] std::string members(const steering::Plan& plan, const std::string& name) const {
    std::string out;
    const auto v = steering_.vip_number(name);
    for (std::uint32_t n = 0; n < plan.members->size(); ++n) {
      const fl_member m = plan.member(n);
      if (!v || m.state == FL_MEMBER_FREE || m.vip != *v) continue;
      for (const std::string& id : rows.index().backends())
        if (steering_.backend_number(id) == m.backend) out += id + " ";
      out += m.state == FL_MEMBER_ACTIVE ? "A" : m.state == FL_MEMBER_DRAINING ? "d" : "X";
    }
    return out;
  }

  health::Checks checks;
  OperatorState operators;
  monitor::Intake intake;
  PoolRows rows;
  PoolWeights weights;
  unsigned observed = 0;  // backends, in the last turn

 private:
  [[nodiscard]] IntentInput input() const { return {vips_, rows, checks, weights, bases_, false}; }
  policy::Observation observe(const std::string& id) {
    ++observed;
    policy::Report report;
    report.received_ns = report.sequence = now_;
    report.cpu = id == "b1" ? 0.25 : 0.5;
    report.requests_per_second = 1000;
    report.period = base::kSecond;
    return {{report}, 0};
  }

  std::vector<model::Vip> vips_;
  FleetBases bases_;
  IntentRows intents_;
  steering::Steering steering_;
  base::Nanoseconds now_ = 0;
};

Hold maintenance() {
  Hold hold;
  hold.kind = HoldKind::kMaint;
  return hold;
}

TEST(PoolIndex, FindsByNameWhatItHasByPosition) {
  const PoolIndex index(equal_vips());

  EXPECT_EQ(index.backends(), (std::vector<std::string>{"b1", "b2", "b3"}));
  EXPECT_EQ(index.find("web", "b2"), (PoolIndex::Place{1, 2}));
  EXPECT_EQ(index.find("web", "b9"), std::nullopt);
  EXPECT_EQ(index.find("mail", "b1"), std::nullopt);
}

TEST(PoolIndex, EqualPoolsHaveOneShapeAndOthersTheirOwn) {
  auto vips = equal_vips();
  vips[2].backends[0].capacity = 8;
  vips.push_back(vip_of("mail", 4, {"b1", "b2", "b3"}));
  vips.push_back(vip_of("few", 5, {"b3", "b1", "b2"}));
  vips.back().choices = 1;
  const PoolIndex index(vips);

  EXPECT_EQ(index.pools()[0], index.pools()[1]);
  EXPECT_NE(index.pools()[0], index.pools()[2]) << "another capacity";
  EXPECT_NE(index.pools()[0], index.pools()[3]) << "another order";
  EXPECT_NE(index.pools()[0], index.pools()[4]) << "other choices";
}

TEST(PoolRows, EqualPoolsAreWeighedOnce) {
  Control control(equal_vips());
  for (int turn = 0; turn < 5; ++turn) control.weigh();

  EXPECT_EQ(control.observed, 3U) << "three backends in three vips";
  EXPECT_EQ(control.weights.row("api"), control.weights.row("dns"));
  EXPECT_GT(control.weights.find("dns", "b1")->weight, control.weights.find("dns", "b2")->weight);
}

TEST(PoolRows, AVipWithAWeightOfItsOwnLeavesTheOthersAndJoinsThemAgain) {
  Control control(equal_vips());
  control.weigh();
  const std::uint32_t before = control.weights.find("api", "b2")->weight;

  control.operators.weights[{"web", "b2"}] = 0;
  control.weigh();
  EXPECT_EQ(control.observed, 6U) << "two groups";
  EXPECT_EQ(control.weights.find("web", "b2")->weight, 0U);
  EXPECT_EQ(control.weights.find("api", "b2")->weight, before);
  EXPECT_EQ(control.weights.row("api"), control.weights.row("dns"));
  EXPECT_NE(control.weights.row("api"), control.weights.row("web"));

  control.operators.weights.clear();
  for (int turn = 0; turn < 60; ++turn) control.weigh();
  EXPECT_EQ(control.weights.find("web", "b2")->weight, control.weights.find("api", "b2")->weight);
}

TEST(PoolRows, AWeightThatIsTakenBackLeavesNothingBehind) {
  Control control(equal_vips());
  control.operators.weights[{"web", "b2"}] = 7;
  control.weigh();
  EXPECT_EQ(control.rows.row(1).base_weight, (std::vector<std::uint32_t>{100, 100, 7}));

  control.operators.weights.clear();
  control.weigh();

  EXPECT_EQ(control.rows.row(1).base_weight, (std::vector<std::uint32_t>{100, 100, 100}));
}

TEST(PoolRows, ADisabledVipsMembersDrainAndNoOtherVips) {
  Control control(equal_vips());
  control.operators.disabled = {"web"};
  control.weigh();
  const steering::Plan off = control.publish();
  EXPECT_EQ(control.members(off, "web"), "b3 db1 db2 d");
  EXPECT_EQ(control.members(off, "api"), "b3 Ab1 Ab2 A");

  control.operators.disabled.clear();
  control.weigh();
  EXPECT_EQ(control.members(control.publish(), "web"), "b3 Ab1 Ab2 A");
}

TEST(PoolRows, AHoldIsOfOneVipAndEndsThere) {
  Control control(equal_vips());
  control.weigh();
  EXPECT_EQ(control.members(control.publish(), "web"), "b3 Ab1 Ab2 A");

  control.operators.holds[{"web", "b1"}] = maintenance();
  control.weigh();
  const steering::Plan held = control.publish();
  EXPECT_EQ(control.members(held, "web"), "b3 Ab1 db2 A");
  EXPECT_EQ(control.members(held, "api"), "b3 Ab1 Ab2 A");

  control.operators.holds.clear();
  control.weigh();
  EXPECT_EQ(control.members(control.publish(), "web"), "b3 Ab1 Ab2 A");
}

TEST(PoolRows, ARemovedBackendLeavesOnePoolAndComesBack) {
  Control control(equal_vips());
  control.publish();
  Hold removed;
  removed.then = Then::kRemove;
  removed.over = true;

  control.operators.holds[{"dns", "b3"}] = removed;
  const steering::Plan without = control.publish();
  EXPECT_EQ(control.members(without, "dns"), "b1 Ab2 A");
  EXPECT_EQ(control.members(without, "web"), "b3 Ab1 Ab2 A");

  control.operators.holds.clear();
  const steering::Plan again = control.publish();
  EXPECT_EQ(again.backends(2).size(), 3U);
  EXPECT_TRUE(again.changed);
}

TEST(PoolRows, BackendsThatComeGoAndAreRenamedHaveTheirOwnRows) {
  Control control(equal_vips());
  for (int turn = 0; turn < 5; ++turn) control.weigh();
  control.publish();

  auto vips = equal_vips();
  vips[0].backends.erase(vips[0].backends.begin());               // b3 leaves api
  vips[1].backends.push_back(vip_of("", 0, {"b0"}).backends[0]);  // b0 joins web
  vips[2].backends[1].id = "c1";                                  // b1 of dns is called c1 now
  control.configure(vips);
  control.weigh();
  const steering::Plan plan = control.publish();

  EXPECT_EQ(control.members(plan, "api"), "b1 Ab2 A");
  EXPECT_EQ(plan.backends(1).size(), 4U);
  EXPECT_EQ(control.weights.find("dns", "b1"), nullptr);
  ASSERT_NE(control.weights.find("dns", "c1"), nullptr);
  EXPECT_GT(control.weights.find("api", "b1")->weight, control.weights.find("api", "b2")->weight)
      << "what was known of it goes with it to another position";
}

TEST(PoolRows, OneProbeTakesABackendOutOfOneVip) {
  Control control(equal_vips());
  control.publish();
  const auto target = control.checks.all().at({"web", "b2"}).target.id;
  for (int probe = 0; probe < 2; ++probe)
    control.checks.on_result({target, health::Outcome::kRefused, 0, 1000, 2000});
  control.checks.end_doubts(base::kSecond * 3600);
  const steering::Plan plan = control.publish();

  EXPECT_EQ(control.members(plan, "web"), "b3 Ab1 Ab2 X");
  EXPECT_EQ(control.members(plan, "api"), "b3 Ab1 Ab2 A");
}

TEST(PoolRows, AnOrderAndALeaveAreSeenByPosition) {
  Control control(equal_vips());
  control.publish();
  control.checks.set_orders({{{"api", "b2"}, health::Order{}}});
  control.intake.restore_left("b3");
  const steering::Plan plan = control.publish();

  EXPECT_EQ(control.members(plan, "api"), "b3 db1 Ab2 X");
  EXPECT_EQ(control.members(plan, "dns"), "b3 db1 Ab2 A");

  control.checks.set_orders({});
  EXPECT_EQ(control.members(control.publish(), "api"), "b3 db1 Ab2 A");
}

}  // namespace
}  // namespace fairlead::control
