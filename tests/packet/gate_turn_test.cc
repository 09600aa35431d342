// SPDX-License-Identifier: BSD-3-Clause
// Whose turn a packet is (ebpf/include/gate_owner.h): the data plane's while it owns the queue, has
// a socket and gives signs of life; the gate's as soon as one of the three is missing.
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include <linux/if_xdp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "dataplane/steer/handover.h"
#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/unique_fd.hh"
#include "ebpf/include/gate_first_fragment.h"
#include "tests/packet/packet_case.hh"
#include "tests/testing/gate_world.hh"
#include "tests/testing/icmp_message.hh"

namespace fairlead::packet_table {
namespace {

using testing::Frame;
using testing::GateWorld;
using testing::packet;

/// An AF_XDP socket bound to the loopback interface of a network namespace of the test's own.
class XdpSocket {
 public:
  XdpSocket() {
    if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare");
    fd_ = sys::UniqueFd(::socket(AF_XDP, SOCK_RAW, 0));
    raise_loopback();
    memory_ = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    xdp_umem_reg umem{};
    umem.addr = reinterpret_cast<std::uint64_t>(memory_);
    umem.len = kBytes;
    umem.chunk_size = kChunk;
    set(XDP_UMEM_REG, umem);
    const int entries = 8;
    for (const int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING})
      set(ring, entries);
    sockaddr_xdp to{};
    to.sxdp_family = AF_XDP;
    to.sxdp_flags = XDP_COPY;
    to.sxdp_ifindex = ::if_nametoindex("lo");
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error(std::string("bind: ") + std::strerror(errno));
  }
  ~XdpSocket() { ::munmap(memory_, kBytes); }
  XdpSocket(const XdpSocket&) = delete;
  XdpSocket& operator=(const XdpSocket&) = delete;
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The kernel takes a closed socket out of every map.
  void close() { fd_.reset(); }

 private:
  static constexpr std::size_t kChunk = 4096;
  static constexpr std::size_t kBytes = 16 * kChunk;

  void raise_loopback() const {
    const sys::UniqueFd any(::socket(AF_INET, SOCK_DGRAM, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_LOOPBACK;
    if (::ioctl(any.get(), SIOCSIFFLAGS, &request) != 0) throw std::runtime_error("lo up");
  }
  template <typename Value>
  void set(int option, const Value& value) const {
    if (::setsockopt(fd_.get(), SOL_XDP, option, &value, sizeof value) != 0)
      throw std::runtime_error("option " + std::to_string(option) + ": " + std::strerror(errno));
  }

  sys::UniqueFd fd_;
  void* memory_ = nullptr;
};

class GateTurn : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    static GateWorld loaded;
    gate = &loaded;
    gate->reset();
    gate->use(world_table({}));
    socket.emplace();
    gate->give_socket(socket->fd());
  }
  fl_sign& sign() { return *fl_sign_of(&gate->page()); }
  /// The data plane owns the queue; its last sign of life is so old.
  void data_plane_owns(base::Nanoseconds age) {
    sign().owner = FL_OWNER_DATAPLANE;
    sign().heartbeat_ns = sys::monotonic_ns() - age;
  }
  std::string sent(const Frame& frame) { return gate->run(frame).counter; }

  GateWorld* gate = nullptr;
  std::optional<XdpSocket> socket;
};

Frame datagram() {
  return packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(5);
}

TEST_F(GateTurn, ALivingDataPlaneGetsItsPacketsInItsSocket) {
  data_plane_owns(50 * base::kMillisecond);
  EXPECT_EQ(sent(datagram()), "redirected");
  EXPECT_EQ(sign().owner, FL_OWNER_DATAPLANE);
  EXPECT_EQ(gate->page().rx_packets, 0U) << "the page is another's to write";
}

// The data plane could only drop it: its interface is the kernel's, and it has no way back.
TEST_F(GateTurn, IcmpThatIsTheKernelsDoesNotGoToTheSocket) {
  World world;
  world.kernel_echoes = true;
  gate->use(world_table(world));
  data_plane_owns(0);
  const auto to = [](const char* vip) { return packet().ipv4(kClient4, vip); };
  const auto echo = testing::echo4(8, 40);
  EXPECT_EQ(sent(to(kIpip4).protocol(1).bytes(echo)), "icmp") << "echo: kernel";
  EXPECT_EQ(sent(to(kGue4).ipv4_fragment(0, true).protocol(1).bytes(echo)), "icmp");
  EXPECT_EQ(sent(to(kGue4).protocol(1).ipv4_fragment(6, false).payload(8)), "icmp");
  EXPECT_EQ(sent(to(kGue4).options(4).protocol(1).bytes(echo)), "icmp");
  EXPECT_EQ(sent(to(kGue4).protocol(1).bytes({13, 0, 0, 0, 0, 1, 0, 1})), "icmp") << "timestamp";
  EXPECT_EQ(sent(to(kGue4).protocol(1).bytes(echo)), "redirected") << "the data plane answers it";
  const Frame answer = packet().ipv4(kIpip4, kClient4).tcp(80, 40000, "A").payload(600);
  const auto error = testing::fragmentation_needed(1400, answer);
  EXPECT_EQ(sent(packet().ipv4("192.0.2.1", kIpip4).protocol(1).bytes(error)), "redirected");
  EXPECT_EQ(gate->page().rx_packets, 0U);
}

TEST_F(GateTurn, FragmentsToAPortThatIsNotServedDoNotGoToTheSocket) {
  data_plane_owns(0);
  const auto first = [](std::uint16_t port) {
    return packet()
        .ipv4(kClient4, kPairUdp)
        .id(77)
        .ipv4_fragment(0, true)
        .udp(40000, port)
        .udp_length(24)
        .payload(8);
  };
  const Frame later =
      packet().ipv4(kClient4, kPairUdp).id(77).protocol(17).ipv4_fragment(2, false).payload(8);
  EXPECT_EQ(sent(later), "redirected") << "whose it is is not known yet";
  EXPECT_EQ(sent(first(9999)), "no_vip");
  EXPECT_EQ(sent(later), "no_vip");
  EXPECT_EQ(sent(first(53)), "redirected") << "the identification came round";
  EXPECT_EQ(sent(later), "redirected");
  EXPECT_EQ(sent(first(9999)), "no_vip");
  gate->advance(FL_GATE_DATAGRAM_LIFE_NS + base::kSecond);
  data_plane_owns(0);
  EXPECT_EQ(sent(later), "redirected") << "too late";
}

TEST_F(GateTurn, WithoutAClaimTheGateForwardsThoughThereIsASocket) {
  EXPECT_EQ(sent(datagram()), "forwarded");
  EXPECT_EQ(sign().takeovers_gone + sign().takeovers_stale, 0U) << "it was the gate's before";
}

TEST_F(GateTurn, AHeartbeatOlderThan100MillisecondsIsAHang) {
  for (const char* const way : {"long", "short"}) {  // the second packet's flow is known
    data_plane_owns(FL_HEARTBEAT_STALE_NS + 50 * base::kMillisecond);
    EXPECT_EQ(sent(datagram()), "forwarded") << way;
    EXPECT_EQ(sign().owner, FL_OWNER_GATE) << way;
  }
  EXPECT_EQ(sign().takeovers_stale, 2U);
  EXPECT_EQ(sign().takeovers_gone, 0U);
  EXPECT_EQ(sign().gate_packets, 2U);
}

TEST_F(GateTurn, AHeartbeatOf0IsADeathThoughTheSocketIsStillThere) {
  for (const char* const way : {"long", "short"}) {
    data_plane_owns(0);
    sign().heartbeat_ns = 0;
    EXPECT_EQ(sent(datagram()), "forwarded") << way;
  }
  EXPECT_EQ(sign().takeovers_gone, 2U);
  EXPECT_EQ(sign().takeovers_stale, 0U);
}

TEST_F(GateTurn, AClosedSocketIsADeathThoughTheHeartbeatIsFresh) {
  data_plane_owns(0);
  socket->close();
  EXPECT_EQ(sent(datagram()), "forwarded");
  EXPECT_EQ(sign().takeovers_gone, 1U);
  EXPECT_EQ(sign().owner, FL_OWNER_GATE);
}

TEST_F(GateTurn, WhatTheGateTookStaysItsOwnUntilItIsClaimed) {
  data_plane_owns(FL_HEARTBEAT_STALE_NS + 50 * base::kMillisecond);
  EXPECT_EQ(sent(datagram()), "forwarded");
  sign().heartbeat_ns = sys::monotonic_ns();  // it woke
  EXPECT_EQ(sent(datagram()), "forwarded");
  EXPECT_EQ(sign().takeovers_stale, 1U);
  data_plane_owns(0);
  EXPECT_EQ(sent(datagram()), "redirected");
}

TEST_F(GateTurn, ALockThatALivingWorkerHoldsIsRespectedAndADeadOnesIsTaken) {
  sign().lock = FL_LOCK_DATAPLANE;  // it sends what was left in its ring
  sign().heartbeat_ns = sys::monotonic_ns();
  EXPECT_EQ(sent(datagram()), "stateless");
  EXPECT_EQ(sign().lock, FL_LOCK_DATAPLANE);
  EXPECT_EQ(gate->page().rx_packets, 0U);

  sign().heartbeat_ns = 0;
  EXPECT_EQ(sent(datagram()), "forwarded");
  EXPECT_EQ(sign().lock, FL_LOCK_FREE);
  EXPECT_EQ(gate->page().rx_packets, 1U);
}

// It changes the table at rest: the gate forwards all the same, and does not take the lock away.
TEST_F(GateTurn, ALockThatAToolHoldsIsRespectedWhereNoDataPlaneLives) {
  sign().lock = FL_LOCK_TOOL;
  sign().heartbeat_ns = 0;
  EXPECT_EQ(sent(datagram()), "stateless");
  EXPECT_EQ(sign().lock, FL_LOCK_TOOL);
  EXPECT_EQ(gate->page().rx_packets, 0U);

  sign().lock = FL_LOCK_FREE;
  EXPECT_EQ(sent(datagram()), "forwarded");
  EXPECT_EQ(gate->page().rx_packets, 1U);
}

}  // namespace
}  // namespace fairlead::packet_table
