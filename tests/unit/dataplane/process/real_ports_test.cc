// SPDX-License-Identifier: BSD-3-Clause
// Ports of real drivers that need no hardware: what they refuse, and that they come and go.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>

#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <netpacket/packet.h>

#include "dataplane/eal.hh"
#include "dataplane/kernel_neighbours.hh"
#include "dataplane/net/encap.hh"
#include "dataplane/packet_io.hh"
#include "dataplane/port.hh"

namespace {
int failing_table_update = 0;  // what the next updates answer; 0: they are the library's
bool refuses_keys = false;     // devices take no RSS key but their own
bool refuses_rss = false;
bool refuses_all = false;  // no device can be configured
bool refuses_mtu = false;
unsigned largest_pool = ~0U;  // memory has room for
int pools = 0;                // that there are, of ports

template <typename Function>
Function library_s(const char* name, Function) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}
}  // namespace

// In the library's place, so that devices may refuse and memory may be short.
extern "C" {
int rte_eth_dev_rss_reta_update(
    std::uint16_t port, rte_eth_rss_reta_entry64* groups, std::uint16_t n
) {
  if (failing_table_update != 0) return failing_table_update;
  static const auto real = library_s("rte_eth_dev_rss_reta_update", &rte_eth_dev_rss_reta_update);
  return real(port, groups, n);
}
int rte_eth_dev_configure(
    std::uint16_t port, std::uint16_t rx, std::uint16_t tx, const rte_eth_conf* conf
) {
  if (refuses_all) return -EIO;
  if (refuses_rss && conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS) return -ENOTSUP;
  if (refuses_keys && conf->rx_adv_conf.rss_conf.rss_key != nullptr) return -EINVAL;
  static const auto real = library_s("rte_eth_dev_configure", &rte_eth_dev_configure);
  return real(port, rx, tx, conf);
}
int rte_eth_dev_set_mtu(std::uint16_t port, std::uint16_t mtu) {
  if (refuses_mtu) return -EINVAL;
  static const auto real = library_s("rte_eth_dev_set_mtu", &rte_eth_dev_set_mtu);
  return real(port, mtu);
}
rte_mempool* rte_pktmbuf_pool_create(
    const char* name, unsigned n, unsigned cache, std::uint16_t priv, std::uint16_t room, int socket
) {
  const bool of_port = std::strncmp(name, "fl_p", 4) == 0;
  if (of_port && n > largest_pool && name[std::strlen(name) - 1] != '0') return nullptr;
  static const auto real = library_s("rte_pktmbuf_pool_create", &rte_pktmbuf_pool_create);
  pools += of_port ? 1 : 0;
  return real(name, n, cache, priv, room, socket);
}
void rte_mempool_free(rte_mempool* pool) {
  static const auto real = library_s("rte_mempool_free", &rte_mempool_free);
  pools -= pool != nullptr && std::strncmp(pool->name, "fl_p", 4) == 0 ? 1 : 0;
  real(pool);
}
}

namespace fairlead::dataplane {
namespace {

const Eal& environment() {
  static const Eal eal = [] {
    EalPlan plan;
    plan.file_prefix = "fl_ports_test" + std::to_string(::getpid());
    plan.memory_mb = 128;
    return std::move(*Eal::start(plan, false));
  }();
  return eal;
}

TEST(RealRules, NullHasNoneAndTapAcceptsWhatItCannotMake) {
  (void)environment();
  VipMatch vip;
  vip.address = {203, 0, 113, 10};
  auto null = Port::plug("net_null_rules", 20, {1, 1});
  ASSERT_TRUE(null) << null.error().what;
  null->spread_to({0});
  null->follow_vips({vip});
  EXPECT_EQ(null->rules().count(), 0U);
  EXPECT_NE(null->rules().why().find(strerror(ENOSYS)), std::string::npos) << null->rules().why();
  EXPECT_EQ(null->steering(), FL_STEERING_ONE_QUEUE);
  null->unplug();

  const std::string name = "flr" + std::to_string(::getpid() % 100000);
  auto tap = Port::plug("net_tap_rules,iface=" + name, 21, {1, 1});
  if (!tap) GTEST_SKIP() << tap.error().what;
  tap->spread_to({0});
  tap->follow_vips({vip});
  EXPECT_EQ(tap->rules().count(), 0U);
  EXPECT_NE(tap->rules().why(), "") << "tap's kernel has neither flower nor multiq";
  tap->unplug();
}

using Bytes = std::vector<std::uint8_t>;

/// A tunnel packet as the stages make it, from 10.0.0.100 to `backend`; 60 bytes of 0x45 inside.
Bytes tunnel_frame(unsigned tags, std::uint8_t backend) {
  const std::uint8_t source[] = {10, 0, 0, 100};
  const std::uint8_t destination[] = {10, 0, 0, backend};
  const std::size_t l2 = 14 + 4 * tags;
  Bytes frame(l2 + 20 + 60, 0x45);
  std::fill_n(frame.begin(), 12, 2);
  for (unsigned t = 0; t < tags; ++t) {
    const std::uint8_t tag[] = {0x81, 0x00, 0x00, 0x07};
    std::copy(std::begin(tag), std::end(tag), frame.begin() + 12 + 4 * t);
  }
  frame[l2 - 2] = 0x08;
  frame[l2 - 1] = 0x00;
  (void)net::write_ipip(&frame[l2 + 20], {source, destination, 60, 1, 4, 4, 0});
  return frame;
}

/// What the kernel receives from a tap.
class KernelSide {
 public:
  explicit KernelSide(const std::string& interface) {
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    const timeval patience{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bound_ = ::bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  }
  ~KernelSide() { ::close(fd_); }
  KernelSide(const KernelSide&) = delete;
  KernelSide& operator=(const KernelSide&) = delete;
  [[nodiscard]] bool bound() const { return bound_; }
  /// The next frame that came in; empty: none for five seconds.
  Bytes next() {
    for (;;) {
      Bytes frame(2048);
      sockaddr_ll from{};
      socklen_t size = sizeof from;
      const ssize_t got =
          ::recvfrom(fd_, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0) return {};
      if (from.sll_pkttype == PACKET_OUTGOING) continue;  // the kernel's own
      frame.resize(static_cast<std::size_t>(got));
      return frame;
    }
  }

 private:
  int fd_ = ::socket(AF_PACKET, SOCK_RAW, 0);
  bool bound_ = false;
};

// net_tap is the one driver without hardware that has the bit.
TEST(RealChecksums, ArriveRightWhoeverFillsThemIn) {
  (void)environment();
  rte_mempool* const pool = *make_pool("checksums", 511);
  for (const auto wanted : {model::Checksums::kSoftware, model::Checksums::kAuto}) {
    const bool by_port = wanted == model::Checksums::kAuto;
    const std::string name = "flc" + std::to_string(::getpid() % 100000);
    auto tap = Port::plug("net_tap_checksums,iface=" + name, 26, {1, 1}, {wanted});
    if (!tap) GTEST_SKIP() << tap.error().what;
    ASSERT_EQ(describe(tap->checksums()), by_port ? "port" : "software");
    {
      KernelSide kernel(name);
      ASSERT_TRUE(kernel.bound());
      for (unsigned n = 0; n < 12; ++n) {
        const Bytes frame = tunnel_frame(0, static_cast<std::uint8_t>(n));
        rte_mbuf* packet = rte_pktmbuf_alloc(pool);
        char* const room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
        std::memcpy(room, frame.data(), frame.size());
        if (tap->checksums().by_port) {
          leave_checksum(packet);
          ASSERT_EQ(room[24] | room[25], 0) << "nothing is there that could arrive by chance";
        }
        ASSERT_EQ(rte_eth_tx_burst(tap->ethdevs()[0], 0, &packet, 1), 1);
        EXPECT_EQ(kernel.next(), frame);
      }
    }
    tap->unplug();
  }
}

TEST(RealChecksums, APortThatHasNotTheBitGetsThemFromUs) {
  (void)environment();
  auto null = Port::plug("net_null_checksums", 27, {1, 1}, {model::Checksums::kAuto});
  ASSERT_TRUE(null) << null.error().what;
  EXPECT_EQ(describe(null->checksums()), "software (not offered)");
  EXPECT_FALSE(null->checksums().by_port);
  null->unplug();
}

TEST(RealChecksums, KnowTagsAndLeaveIpv6Alone) {
  (void)environment();
  rte_mempool* const pool = *make_pool("tags", 511);
  for (unsigned tags = 0; tags <= 2; ++tags) {
    for (const bool six : {false, true}) {
      Bytes frame = tunnel_frame(tags, 1);
      const std::size_t l2 = 14 + 4 * tags;
      if (six) frame[l2 - 2] = 0x86, frame[l2 - 1] = 0xdd;
      rte_mbuf* const packet = rte_pktmbuf_alloc(pool);
      char* const room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
      std::memcpy(room, frame.data(), frame.size());
      leave_checksum(packet);
      if (!six) frame[l2 + 10] = frame[l2 + 11] = 0;
      EXPECT_EQ(std::memcmp(room, frame.data(), frame.size()), 0);
      EXPECT_EQ((packet->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0, !six);
      EXPECT_EQ(packet->l2_len, six ? 0U : l2);
      rte_pktmbuf_free(packet);
    }
  }
}

TEST(RealPorts, NullWithTwoQueuesSpreadsByItsTable) {
  (void)environment();
  auto port = Port::plug("net_null_spread", 22, {2, 2});
  ASSERT_TRUE(port) << port.error().what;
  EXPECT_EQ(port->queues(), 2U);
  if (port->table().empty()) GTEST_SKIP() << "this null device has no indirection table";

  EXPECT_EQ(port->steering(), FL_STEERING_RSS);
  port->spread_to({0});
  EXPECT_TRUE(port->spread_to({0, 1}));
  const auto table = read_table(port->ethdevs()[0], port->rss().table_size);
  EXPECT_EQ(table, port->table());
  EXPECT_EQ(std::count(table.begin(), table.end(), 1U), static_cast<long>(table.size() / 2));
  port->unplug();
}

TEST(RealPorts, ATableThatTheDeviceRefusesStaysAndIsTriedAgain) {
  (void)environment();
  auto port = Port::plug("net_null_refuses", 28, {2, 2});
  ASSERT_TRUE(port) << port.error().what;
  if (port->table().empty()) GTEST_SKIP() << "this null device has no indirection table";
  port->spread_to({0});
  const auto before = port->table();
  for (const int error : {ENOTSUP, EINVAL, EIO, ENODEV}) {
    failing_table_update = -error;

    EXPECT_FALSE(port->spread_to({0, 1}));

    EXPECT_EQ(port->table(), before);
    EXPECT_EQ(port->kept_table_because(), strerror(error));
  }
  failing_table_update = 0;

  EXPECT_TRUE(port->spread_to({0, 1}));

  EXPECT_EQ(port->kept_table_because(), "");
  EXPECT_NE(port->table(), before);
  port->unplug();
}

TEST(RealPorts, ADeviceThatRefusesOurKeySpreadsByItsOwnAndOneThatRefusesRssNotAtAll) {
  (void)environment();
  refuses_keys = true;
  auto port = Port::plug("net_null_own_key", 29, {2, 2});
  refuses_keys = false;
  ASSERT_TRUE(port) << port.error().what;
  if (describe(port->rss()) == "none") GTEST_SKIP() << "this null device has no RSS";
  EXPECT_NE(describe(port->rss()).find("device-key"), std::string::npos);
  EXPECT_EQ(port->steering(), FL_STEERING_RSS);
  port->unplug();

  refuses_rss = true;
  auto without = Port::plug("net_null_no_rss", 30, {2, 2});
  refuses_rss = false;
  ASSERT_TRUE(without) << without.error().what;
  EXPECT_EQ(describe(without->rss()), "none");
  EXPECT_EQ(without->steering(), FL_STEERING_DEVICE);
  without->unplug();
}

TEST(RealPorts, WhereMemoryIsShortRingsAreHalvedAndNothingIsLeftBehind) {
  (void)environment();
  pools = 0;
  largest_pool = 1600;  // of the second queue; the first one's is freed each time
  auto port = Port::plug("net_null_short", 31, {2, 2});
  ASSERT_TRUE(port) << port.error().what;
  EXPECT_EQ(port->sizes().rx_descriptors, kFewestDescriptors);
  EXPECT_EQ(pools, 2);
  port->unplug();
  EXPECT_EQ(pools, 0);

  largest_pool = 100;
  const auto refused = Port::plug("net_null_short", 31, {2, 2});
  largest_pool = ~0U;
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("packet buffers"), std::string::npos) << refused.error().what;
  EXPECT_EQ(pools, 0);
}

TEST(RealPorts, HaveTheMtuThatIsConfiguredOrSayWhatTheyTake) {
  (void)environment();
  const std::string name = "flm" + std::to_string(::getpid() % 100000);
  const std::string device = "net_tap_mtu,iface=" + name;
  for (const std::uint32_t mtu : {1400U, 1504U}) {
    auto tap = Port::plug(device, 40, {1, 1}, {.mtu = mtu});
    if (!tap) GTEST_SKIP() << tap.error().what;
    EXPECT_EQ(tap->mtu(), mtu);
    EXPECT_EQ(kernel_interface(name)->mtu, mtu) << "the interface behind it";
    tap->unplug();
  }
  const auto too_large = Port::plug(device, 40, {1, 1}, {.mtu = 2022});
  ASSERT_FALSE(too_large);
  EXPECT_NE(too_large.error().what.find("to 1504;"), std::string::npos) << too_large.error().what;

  pools = 0;
  refuses_mtu = true;
  const auto refused = Port::plug("net_null_mtu", 41, {2, 2}, {.mtu = 1400});
  refuses_mtu = false;
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      refused.error().what.rfind(
          "ports[].mtu 1400: the device 'net_null_mtu' does not take it (Invalid argument)", 0
      ),
      0U
  ) << refused.error().what;
  EXPECT_EQ(refused.error().what.find('\n'), std::string::npos);
  EXPECT_EQ(pools, 0) << "nothing is left behind";
}

TEST(RealPorts, OneThatCannotBeConfiguredLeavesNothingInTheWayOfTheNext) {
  (void)environment();
  pools = 0;
  for (unsigned i = 0; i < 2; ++i) {
    refuses_all = true;
    const auto refused = Port::plug("net_null_fails", 32, {2, 2});
    refuses_all = false;
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("cannot be started"), std::string::npos)
        << refused.error().what;
    EXPECT_EQ(pools, 0);
  }
  auto port = Port::plug("net_null_fails", 32, {2, 2});
  ASSERT_TRUE(port) << port.error().what;
  port->unplug();
}

TEST(RealPorts, AMemifWithoutServerIsNotAQuestionOfPermissions) {
  (void)environment();
  const auto port = Port::plug(
      "net_memif_alone,socket=/tmp/fairlead_nobody_" + std::to_string(::getpid()) +
          ",socket-abstract=no",
      33,
      {1, 1}
  );

  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().what.find("root"), std::string::npos) << port.error().what;
  EXPECT_NE(port.error().what.find("server runs"), std::string::npos) << port.error().what;
}

TEST(RealPorts, APciDeviceNeedsARestartWhereNoneWasThereAtTheStart) {
  (void)environment();
  const auto port = Port::plug("0000:3b:00.0", 34, {1, 1});

  ASSERT_FALSE(port);
  EXPECT_NE(port.error().what.find("restart"), std::string::npos) << port.error().what;
}

TEST(RealPorts, TheSameDeviceTwiceIsRefused) {
  (void)environment();
  auto port = Port::plug("net_null_twice", 23, {1, 1});
  ASSERT_TRUE(port);

  const auto again = Port::plug("net_null_twice", 24, {1, 1});

  ASSERT_FALSE(again);
  port->unplug();
  auto third = Port::plug("net_null_twice", 23, {1, 1});
  EXPECT_TRUE(third) << "after it was removed it can come back";
  if (third) third->unplug();
}

TEST(RealPorts, AnUnknownDriverIsNamed) {
  (void)environment();
  const auto port = Port::plug("net_nonsense0", 25, {1, 1});

  ASSERT_FALSE(port);
  EXPECT_NE(port.error().what.find("'net_nonsense0'"), std::string::npos) << port.error().what;
}

}  // namespace
}  // namespace fairlead::dataplane
