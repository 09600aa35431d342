// SPDX-License-Identifier: BSD-3-Clause
// Next hops of a port: asking, learning, forgetting, telling the workers, and what the kernel says
// of its interface. The functions that ask the kernel are defined here and take the library's
// place.
#include "dataplane/neighbours.hh"

#include <gtest/gtest.h>

#include "dataplane/kernel_neighbours.hh"

namespace fairlead::dataplane {
namespace {

KernelInterface interface_now;  // what the kernel says
std::vector<Neighbour> neighbours_now;

}  // namespace

base::Result<KernelInterface> kernel_interface(const std::string&) {
  return interface_now;
}
base::Result<std::vector<Neighbour>> kernel_neighbours(unsigned) {
  return neighbours_now;
}
void provoke_resolution(const net::IpAddr&, const std::string&) {}
std::optional<net::IpAddr> default_gateway(net::Family, const std::string&) {
  return std::nullopt;
}

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

/// A port whose interface the kernel has too.
class KernelPort : public testing::Test {
 protected:
  void SetUp() override {
    interface_now = {};
    interface_now.mtu = 1500;
    interface_now.mac = kNodeMac;
    neighbours_now = {{kRouter, kRouterMac}};
  }
  static Neighbours::Setup setup() {
    Neighbours::Setup s;
    s.port.device = "net_af_packet0,iface=eth9";
    s.port.gateway = kRouter;
    s.interface = "eth9";
    s.follow_interface = true;
    s.own = {kNodeMac, kNode, std::nullopt};
    return s;
  }
};

TEST_F(KernelPort, TellsTheWorkersOfAnotherMtuAndOfAnotherMacAndOfNothingElse) {
  Neighbours neighbours(setup());
  neighbours.begin(0);
  path::NextHops hops;
  neighbours.tick({}, kSecond);
  ASSERT_TRUE(neighbours.box(0).take(hops));
  EXPECT_EQ(hops.mtu, 1500U);
  EXPECT_EQ(hops.own, kNodeMac);
  neighbours.tick({}, 2 * kSecond);
  EXPECT_TRUE(neighbours.box(0).empty()) << "nothing changed";

  base::Nanoseconds now = 2 * kSecond;
  for (const unsigned mtu : {1400U, 9000U, 65536U}) {
    interface_now.mtu = mtu;
    neighbours.tick({}, now += kSecond);
    ASSERT_TRUE(neighbours.box(0).take(hops)) << mtu;
    EXPECT_EQ(hops.mtu, std::min(mtu, 65535U));
    EXPECT_EQ(neighbours.mtu(), hops.mtu) << "what the console says";
  }
  interface_now.mac = kNewMac;
  neighbours.tick({}, now += kSecond);
  ASSERT_TRUE(neighbours.box(0).take(hops));
  EXPECT_EQ(hops.own, kNewMac);
  EXPECT_EQ(neighbours.own_mac(), kNewMac);
  EXPECT_EQ(hops.gateway4, kRouterMac);
}

TEST_F(KernelPort, ThatOnlyResolvesThroughATapKeepsItsOwnMtuAndMac) {
  auto s = setup();
  s.follow_interface = false;
  Neighbours neighbours(std::move(s));
  neighbours.begin(0);
  interface_now.mtu = 9000;
  interface_now.mac = kNewMac;
  neighbours.tick({}, kSecond);

  path::NextHops hops;
  ASSERT_TRUE(neighbours.box(0).take(hops));
  EXPECT_EQ(hops.mtu, 1500U);
  EXPECT_EQ(hops.own, kNodeMac);
}

}  // namespace
}  // namespace fairlead::dataplane
