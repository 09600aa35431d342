// SPDX-License-Identifier: BSD-3-Clause
// Resolution on a port of our own: asking, learning, forgetting, telling the workers.
#include "dataplane/neighbours.hh"

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

using base::kMillisecond;
using base::kSecond;
using net::IpAddr;
using net::MacAddr;

const IpAddr kNode = IpAddr::v4(192, 0, 2, 1);
const IpAddr kRouter = IpAddr::v4(192, 0, 2, 254);
const MacAddr kNodeMac{{2, 0, 0, 0, 0, 1}};
const MacAddr kRouterMac{{2, 0, 0, 0, 0, 254}};
const MacAddr kNewMac{{2, 0, 0, 0, 0, 99}};

/// A port without kernel; the frames it sends are kept.
class OwnPort : public testing::Test {
 protected:
  Neighbours::Setup setup() {
    Neighbours::Setup s;
    s.port.device = "net_null0";
    s.port.gateway = kRouter;
    s.own = {kNodeMac, kNode, std::nullopt};
    s.workers = 2;
    s.send = [this](const Frame& f) { sent_.push_back(f); };
    return s;
  }
  static Frame answer(const IpAddr& whose, const MacAddr& mac) {
    const OwnAddresses router{mac, whose, std::nullopt};
    return *hear(ask(whose, {kNodeMac, kNode, std::nullopt})->view(), router).answer;
  }
  std::vector<Frame> sent_;
};

TEST_F(OwnPort, AsksForTheGatewayAndTellsEveryWorkerTheAnswer) {
  Neighbours neighbours(setup());
  for (unsigned w : {0U, 1U}) neighbours.begin(w);
  neighbours.tick({}, kSecond);
  path::NextHops first;
  ASSERT_TRUE(neighbours.box(0).take(first) && neighbours.box(1).take(first));
  EXPECT_TRUE(first.gateway4.is_zero());
  ASSERT_EQ(sent_.size(), 1U);

  neighbours.heard(answer(kRouter, kRouterMac).view(), kSecond);
  neighbours.tick({}, 2 * kSecond);

  for (unsigned worker : {0U, 1U}) {
    path::NextHops hops;
    ASSERT_TRUE(neighbours.box(worker).take(hops)) << worker;
    EXPECT_EQ(hops.gateway4, kRouterMac);
    EXPECT_EQ(hops.own, kNodeMac);
  }
}

TEST_F(OwnPort, AsksAgainWhileNobodyAnswersButNotAtEveryTick) {
  Neighbours neighbours(setup());
  for (unsigned w : {0U, 1U}) neighbours.begin(w);
  for (base::Nanoseconds t = kSecond; t < 2 * kSecond; t += 10 * kMillisecond)
    neighbours.tick({}, t);

  EXPECT_GE(sent_.size(), 3U);
  EXPECT_LE(sent_.size(), 5U);
}

TEST_F(OwnPort, AWorkerThatIsSlowGetsTheNewestInTheEnd) {
  Neighbours neighbours(setup());
  for (unsigned w : {0U, 1U}) neighbours.begin(w);
  path::NextHops hops;
  neighbours.tick({}, kSecond);
  ASSERT_TRUE(neighbours.box(0).take(hops));  // worker 1 does not look yet

  neighbours.heard(answer(kRouter, kRouterMac).view(), kSecond);
  neighbours.tick({}, 2 * kSecond);
  neighbours.heard(answer(kRouter, kNewMac).view(), 2 * kSecond);
  neighbours.tick({}, 3 * kSecond);
  ASSERT_TRUE(neighbours.box(1).take(hops));
  neighbours.tick({}, 4 * kSecond);

  for (unsigned worker : {0U, 1U}) {
    ASSERT_TRUE(neighbours.box(worker).take(hops)) << worker;
    EXPECT_EQ(hops.gateway4, kNewMac);
  }
}

TEST_F(OwnPort, AWorkerThatBeginsLaterFindsWhatTheOthersHave) {
  Neighbours neighbours(setup());
  neighbours.begin(0);
  neighbours.heard(answer(kRouter, kRouterMac).view(), kSecond);
  neighbours.tick({}, kSecond);
  path::NextHops hops;
  ASSERT_TRUE(neighbours.box(0).take(hops));
  EXPECT_TRUE(neighbours.box(1).empty());

  neighbours.begin(1);

  ASSERT_TRUE(neighbours.box(1).take(hops));
  EXPECT_EQ(hops.gateway4, kRouterMac);
}

TEST_F(OwnPort, AWorkerThatEndedHoldsNobodyUp) {
  Neighbours neighbours(setup());
  for (unsigned w : {0U, 1U}) neighbours.begin(w);
  neighbours.tick({}, kSecond);
  path::NextHops hops;
  ASSERT_TRUE(neighbours.box(0).take(hops));
  neighbours.end(1);  // with a full box

  neighbours.heard(answer(kRouter, kRouterMac).view(), kSecond);
  neighbours.tick({}, 2 * kSecond);

  ASSERT_TRUE(neighbours.box(0).take(hops));
  EXPECT_EQ(hops.gateway4, kRouterMac);
}

TEST_F(OwnPort, ForgetsAGatewayThatIsSilentForAMinute) {
  Neighbours neighbours(setup());
  for (unsigned w : {0U, 1U}) neighbours.begin(w);
  neighbours.heard(answer(kRouter, kRouterMac).view(), kSecond);
  neighbours.tick({}, kSecond);
  EXPECT_FALSE(neighbours.gateway_mac().is_zero());

  neighbours.tick({}, 70 * kSecond);

  EXPECT_TRUE(neighbours.gateway_mac().is_zero());
}

TEST_F(OwnPort, AConfiguredMacNeedsNoQuestion) {
  auto s = setup();
  s.port.gateway_mac = kRouterMac;
  Neighbours neighbours(std::move(s));
  for (unsigned w : {0U, 1U}) neighbours.begin(w);
  neighbours.tick({}, kSecond);

  path::NextHops hops;
  ASSERT_TRUE(neighbours.box(0).take(hops));
  EXPECT_EQ(hops.gateway4, kRouterMac);
  EXPECT_EQ(hops.gateway6, kRouterMac);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(OwnPort, ResolvesBackendsByNumber) {
  Neighbours neighbours(setup());
  for (unsigned w : {0U, 1U}) neighbours.begin(w);
  const IpAddr backend = IpAddr::v4(192, 0, 2, 21);
  neighbours.heard(answer(backend, kNewMac).view(), kSecond);
  neighbours.tick({{7, backend}}, kSecond);

  path::NextHops hops;
  ASSERT_TRUE(neighbours.box(0).take(hops));
  ASSERT_EQ(hops.backend_macs.size(), 8U);
  EXPECT_EQ(hops.backend_macs[7], kNewMac);
}

}  // namespace
}  // namespace fairlead::dataplane
