// SPDX-License-Identifier: BSD-3-Clause
// The book of checks: reloads keep states, results of the past are ignored.
#include "control/health/checks.hh"

#include <gtest/gtest.h>

namespace fairlead::health {
namespace {

model::Vip vip(std::initializer_list<const char*> backends) {
  model::Vip out;
  out.name = "web";
  out.prefix = {net::IpAddr::v4(203, 0, 113, 10), 32};
  out.port = 80;
  for (const char* id : backends) {
    model::Backend backend;
    backend.id = id;
    backend.address = net::IpAddr::v4(10, 0, 0, static_cast<std::uint8_t>(id[1]));
    out.backends.push_back(backend);
  }
  return out;
}

State unknown(const model::Vip&, const model::Backend&) {
  return State::kUnknown;
}

ProbeResult result(const Checks& checks, const char* backend, Outcome outcome) {
  return {checks.all().at({"web", backend}).target.id, outcome, 0, 1000, 2000};
}

TEST(Checks, FirstResultIsATransition) {
  Checks checks;
  checks.configure({vip({"b1", "b2"})}, 0, unknown);
  EXPECT_EQ(checks.pending(), 2U);

  const auto changes = checks.on_result(result(checks, "b1", Outcome::kTimeout));

  ASSERT_EQ(changes.size(), 1U);
  const Transition& t = changes.front();

  EXPECT_EQ(t.backend, "b1");
  EXPECT_EQ(t.state, State::kDown);
  EXPECT_EQ(t.reason, "timeout");
  EXPECT_EQ(t.seen_ns, 2000U);
  EXPECT_EQ(checks.pending(), 1U);
}

TEST(Checks, AProbeThatNeverCameToTheTunnelSaysNothing) {
  Checks checks;
  model::Vip pool = vip({"b1"});
  pool.health.via = model::ProbeVia::kTunnel;
  checks.configure({pool}, 0, unknown);

  const auto changes = checks.on_result(result(checks, "b1", Outcome::kNoTunnel));

  EXPECT_TRUE(changes.empty());
  EXPECT_EQ(checks.pending(), 1U);
  EXPECT_EQ(checks.reason("web", "b1"), "not probed: no way to the tunnel");
}

TEST(Checks, ViaTunnelNamesVipAndBackend) {
  Checks checks;
  model::Vip pool = vip({"b1"});
  pool.health.via = model::ProbeVia::kTunnel;
  pool.encapsulation = model::Encapsulation::kGue;
  model::Vip l2 = pool;
  l2.name = "l2";
  l2.encapsulation = model::Encapsulation::kL2;

  checks.configure({pool, l2}, 0, unknown);

  const auto& tunnel = checks.all().at({"web", "b1"}).target.tunnel;
  ASSERT_TRUE(tunnel.has_value());
  EXPECT_EQ(tunnel->encapsulation, model::Encapsulation::kGue);
  EXPECT_EQ(tunnel->vip, pool.prefix.address);
  EXPECT_EQ(tunnel->backend, pool.backends[0].address);
  EXPECT_FALSE(checks.all().at({"l2", "b1"}).target.tunnel.has_value());
}

TEST(Checks, KnowsWhenABackendLastAnsweredAnyOfItsProbes) {
  Checks checks;
  model::Vip other = vip({"b1", "b3"});
  other.name = "other";
  other.health.kind = model::ProbeKind::kNone;
  checks.configure({vip({"b1", "b2"}), other}, 0, unknown);

  checks.on_result(result(checks, "b1", Outcome::kOk));
  checks.on_result(result(checks, "b2", Outcome::kTimeout));
  const auto answered = checks.answered(9000);

  EXPECT_EQ(answered.at("b1"), 1000U) << "when the probe began";
  EXPECT_EQ(answered.at("b2"), 0U);
  EXPECT_EQ(answered.at("b3"), 9000U) << "nobody probes it";
}

TEST(Checks, TheLossOfThisHostsOwnNetworkTakesNobodyDown) {
  Checks checks;
  checks.configure({vip({"b1", "b2"})}, 0, unknown);
  checks.on_result(result(checks, "b1", Outcome::kOk));
  for (int i = 0; i < 5; ++i) {
    checks.on_result(result(checks, "b1", Outcome::kNoRoute));
    checks.on_result(result(checks, "b2", Outcome::kNoRoute));
  }
  EXPECT_EQ(checks.state("web", "b1"), State::kUp);
  EXPECT_EQ(checks.reason("web", "b1"), "no route from this host");
  EXPECT_EQ(checks.state("web", "b2"), State::kDown) << "it never answered";
}

TEST(Checks, AFallIsInDoubtUntilItCouldHaveComeUpAgain) {
  Checks checks;
  model::Vip pool = vip({"b1", "b2"});
  pool.health.interval_ms = 2000;
  pool.health.timeout_ms = 500;
  pool.health.rise = 3;
  checks.configure({pool}, 0, [](const auto&, const auto&) { return State::kUp; });
  const auto fails = [&](const char* backend) {
    for (std::uint32_t i = 0; i < pool.health.fall; ++i)
      (void)checks.on_result(result(checks, backend, Outcome::kTimeout));
  };
  fails("b1");
  ASSERT_EQ(checks.state("web", "b1"), State::kDown);
  constexpr base::Nanoseconds kFell = 2000;
  constexpr base::Nanoseconds kDoubt = 8500 * base::kMillisecond;  // four intervals and a time-out

  EXPECT_TRUE(checks.in_doubt("web", "b1"));
  EXPECT_FALSE(checks.in_doubt("web", "b2"));
  EXPECT_FALSE(checks.end_doubts(kFell + kDoubt - 1));
  EXPECT_TRUE(checks.in_doubt("web", "b1"));
  EXPECT_TRUE(checks.end_doubts(kFell + kDoubt));
  EXPECT_FALSE(checks.in_doubt("web", "b1"));
  EXPECT_EQ(checks.state("web", "b1"), State::kDown);

  fails("b2");
  EXPECT_TRUE(checks.in_doubt("web", "b2"));
  for (std::uint32_t i = 0; i < pool.health.rise; ++i)
    (void)checks.on_result(result(checks, "b2", Outcome::kOk));
  EXPECT_FALSE(checks.in_doubt("web", "b2"));
}

TEST(Checks, WhatAnOperatorTakesDownIsInNoDoubt) {
  Checks checks;
  checks.configure({vip({"b1"})}, 0, [](const auto&, const auto&) { return State::kUp; });
  checks.set_orders({{{"web", "b1"}, {false, 0}}});
  (void)checks.settle(1);
  EXPECT_EQ(checks.state("web", "b1"), State::kDown);
  EXPECT_FALSE(checks.in_doubt("web", "b1"));
}

TEST(Checks, ReloadKeepsTheStateOfUnchangedTargets) {
  Checks checks;
  model::Vip pool = vip({"b1", "b2"});
  checks.configure({pool}, 0, unknown);
  checks.on_result(result(checks, "b1", Outcome::kRefused));
  const TargetId id = checks.all().at({"web", "b1"}).target.id;

  pool.health.interval_ms = 900;
  pool.backends[1].health_port = 8080;
  checks.configure({pool}, 5, unknown);

  EXPECT_EQ(checks.state("web", "b1"), State::kDown);
  EXPECT_EQ(checks.all().at({"web", "b1"}).target.id, id);
  EXPECT_EQ(checks.all().at({"web", "b1"}).target.interval, 900 * base::kMillisecond);
  EXPECT_EQ(checks.state("web", "b2"), State::kUnknown);
}

TEST(Checks, WhatAReloadChangesIsTold) {
  Checks checks;
  model::Vip pool = vip({"b1", "b2"});
  EXPECT_TRUE(checks.configure({pool}, 0, unknown).empty());
  checks.on_result(result(checks, "b1", Outcome::kRefused));
  EXPECT_TRUE(checks.configure({pool}, 5, unknown).empty()) << "the same again";

  pool.health.kind = model::ProbeKind::kNone;
  const auto changes = checks.configure({pool}, 9, unknown);

  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].backend, "b1");
  EXPECT_EQ(changes[0].from, State::kDown);
  EXPECT_EQ(changes[0].state, State::kUp);
  EXPECT_EQ(changes[0].because, Because::kNothing);
  EXPECT_EQ(changes[0].reason, "not probed");
  EXPECT_EQ(changes[0].seen_ns, 9U);
  EXPECT_EQ(changes[1].from, State::kUnknown);
}

TEST(Checks, AReloadThatSwitchesFlapDampingOffBringsABackendBackAndSaysSo) {
  Checks checks;
  model::Vip pool = vip({"b1"});
  pool.health.fall = pool.health.rise = 1;
  pool.health.flap_limit = 1;
  pool.health.flap_half_life_ms = 3'600'000;
  checks.configure({pool}, 0, [](const auto&, const auto&) { return State::kUp; });
  for (int i = 0; i < 3; ++i) {
    checks.on_result(result(checks, "b1", Outcome::kTimeout));
    checks.on_result(result(checks, "b1", Outcome::kOk));
  }
  ASSERT_EQ(checks.reason("web", "b1"), "flapping, probes: ok");

  pool.health.flap_limit = 0;
  const auto changes = checks.configure({pool}, 9, unknown);

  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].state, State::kUp);
  EXPECT_EQ(changes[0].because, Because::kProbe);
}

TEST(Checks, AReloadChangesHowLongAFallIsInDoubt) {
  Checks checks;
  model::Vip pool = vip({"b1", "b2"});
  pool.health.fall = 1;
  const auto up = [](const auto&, const auto&) { return State::kUp; };
  checks.configure({pool}, 0, up);
  pool.health.interval_ms = 10'000;
  checks.configure({pool}, 0, up);

  (void)checks.on_result(result(checks, "b1", Outcome::kTimeout));

  EXPECT_FALSE(checks.end_doubts(20 * base::kSecond));
  EXPECT_TRUE(checks.in_doubt("web", "b1"));
}

TEST(Checks, RestartBeginsWithThePublishedState) {
  Checks checks;
  checks.configure({vip({"b1"})}, 0, [](const auto&, const auto&) { return State::kUp; });

  EXPECT_TRUE(checks.on_result(result(checks, "b1", Outcome::kTimeout)).empty());
  EXPECT_EQ(checks.state("web", "b1"), State::kUp);
  EXPECT_EQ(checks.on_result(result(checks, "b1", Outcome::kTimeout)).at(0).state, State::kDown);
}

TEST(Checks, LateResultOfARemovedTargetIsIgnored) {
  Checks checks;
  checks.configure({vip({"b1", "b2"})}, 0, unknown);
  const ProbeResult late = result(checks, "b2", Outcome::kOk);
  checks.configure({vip({"b1"})}, 0, unknown);

  EXPECT_TRUE(checks.on_result(late).empty());
}

TEST(Checks, WantOfSocketsHereCondemnsNobody) {
  Checks checks;
  checks.configure({vip({"b1"})}, 0, [](const auto&, const auto&) { return State::kUp; });

  for (int i = 0; i < 10; ++i) checks.on_result(result(checks, "b1", Outcome::kLocal));

  EXPECT_EQ(checks.state("web", "b1"), State::kUp);
}

TEST(Checks, NothingToProbeCountsAsUp) {
  Checks checks;
  model::Vip pool = vip({"b1"});
  pool.port = 0;
  checks.configure({pool}, 0, unknown);

  EXPECT_EQ(checks.state("web", "b1"), State::kUp);
  EXPECT_TRUE(checks.targets().empty());
}

model::Vip udp_vip(std::initializer_list<const char*> backends) {
  model::Vip out = vip(backends);
  out.name = "dns";
  out.protocol = net::IpProto::kUdp;
  out.port = 53;
  out.health.kind = model::ProbeKind::kHost;
  return out;
}

TEST(HostState, APoolWithoutProbesFollowsTheProbesOfOthers) {
  Checks checks;
  checks.configure({vip({"b1", "b2"}), udp_vip({"b1", "b2"})}, 0, unknown);
  EXPECT_EQ(checks.targets().size(), 2U) << "no probe of its own";
  EXPECT_EQ(checks.pending(), 2U);
  EXPECT_EQ(checks.state("dns", "b1"), State::kUnknown);

  checks.on_result(result(checks, "b1", Outcome::kTimeout));
  checks.on_result(result(checks, "b2", Outcome::kOk));

  EXPECT_EQ(checks.state("dns", "b1"), State::kDown);
  EXPECT_EQ(checks.reason("dns", "b1"), "vip web: timeout");
  EXPECT_EQ(checks.state("dns", "b2"), State::kUp);
}

TEST(HostState, ARestartThatFindsItAsPublishedHasNothingToTell) {
  Checks checks;
  const auto changes = checks.configure(
      {vip({"b1", "b2"}), udp_vip({"b1", "b2"})},
      0,
      [](const auto&, const model::Backend& b) { return b.id == "b1" ? State::kDown : State::kUp; }
  );
  EXPECT_TRUE(changes.empty());
  EXPECT_EQ(checks.state("dns", "b1"), State::kDown);
  EXPECT_EQ(checks.state("dns", "b2"), State::kUp);
}

TEST(HostState, OneServiceThatAnswersProvesThatTheHostLives) {
  Checks checks;
  model::Vip other = vip({"b1"});
  other.name = "api";
  checks.configure({vip({"b1"}), other, udp_vip({"b1"})}, 0, unknown);
  checks.on_result(result(checks, "b1", Outcome::kRefused));
  checks.on_result({checks.all().at({"api", "b1"}).target.id, Outcome::kOk, 0, 1, 2});

  EXPECT_EQ(checks.state("web", "b1"), State::kDown);
  EXPECT_EQ(checks.state("dns", "b1"), State::kUp);
}

TEST(HostState, AnAddressIsTheSameHostUnderAnotherId) {
  Checks checks;
  model::Vip dns = udp_vip({"x1"});
  dns.backends[0].address = net::IpAddr::v4(10, 0, 0, '1');
  checks.configure({vip({"b1"}), dns}, 0, unknown);
  checks.on_result(result(checks, "b1", Outcome::kTimeout));

  EXPECT_EQ(checks.state("dns", "x1"), State::kDown);
}

TEST(HostState, NobodyWhoProbesMeansUpAndNoneMeansDoNotLook) {
  Checks checks;
  model::Vip blind = udp_vip({"b1"});
  blind.name = "blind";
  blind.health.kind = model::ProbeKind::kNone;
  checks.configure({vip({"b1"}), udp_vip({"b9"}), blind}, 0, unknown);
  checks.on_result(result(checks, "b1", Outcome::kTimeout));

  EXPECT_EQ(checks.state("dns", "b9"), State::kUp);
  EXPECT_EQ(checks.reason("dns", "b9"), "not probed");
  EXPECT_EQ(checks.state("blind", "b1"), State::kUp);
}

}  // namespace
}  // namespace fairlead::health
