// SPDX-License-Identifier: BSD-3-Clause
// The gate with a real DPDK process (testpmd on net_af_xdp, unmodified): vip frames reach its
// socket, come back to the gate when it is killed, and reach it again when it is started again.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "ebpf/loader.hh"
#include "tests/unit/ebpf/frames.hh"

namespace fairlead::testing {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 30s;

/// testpmd on the interface, receiving only. Killed at the latest by the destructor.
class Testpmd {
 public:
  explicit Testpmd(const std::string& log) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when the test is killed
    if (std::freopen(log.c_str(), "w", stdout) == nullptr) ::_exit(127);
    ::dup2(1, 2);
    ::execlp(
        "dpdk-testpmd",
        "dpdk-testpmd",
        "--no-huge",
        "-m",
        "64",
        "--no-shconf",
        "--file-prefix",
        "flgatetest",
        "--lcores",
        "0@0,1@0",
        "--no-pci",
        "--no-telemetry",
        "--vdev",
        "net_af_xdp0,iface=flgate0",
        "--",
        "--total-num-mbufs",
        "6000",
        "--forward-mode=rxonly",
        "--stats-period",
        "5",
        nullptr
    );
    ::_exit(127);
  }
  ~Testpmd() { end(SIGKILL); }
  Testpmd(const Testpmd&) = delete;
  Testpmd& operator=(const Testpmd&) = delete;
  void end(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

class GateAfXdp : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
      GTEST_SKIP() << "needs root";
    }
    if (std::system("command -v dpdk-testpmd >/dev/null") != 0) GTEST_SKIP() << "no dpdk-testpmd";
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    ASSERT_EQ(
        std::system("ip link add flgate0 address 02:00:00:00:00:01 type veth peer name flgate1 && "
                    "ip link set flgate0 up && ip link set flgate1 up"),
        0
    );
    char pattern[] = "/tmp/fairlead-gate-XXXXXX";
    dir_ = ::mkdtemp(pattern);
    wire_ = sys::UniqueFd(::socket(AF_PACKET, SOCK_RAW, 0));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex("flgate1"));
    ASSERT_EQ(::bind(wire_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  void TearDown() override {
    if (dir_.empty()) return;
    ::umount((dir_ + "/bpf").c_str());
    std::filesystem::remove_all(dir_);
    std::filesystem::remove_all("/var/run/dpdk/flgatetest");
  }

  /// Sends vip frames to 02:00:00:00:00:`host` until the counter has grown; false if it does not
  /// within kPatience. The interface is host 1.
  bool sent_until_grows(const ebpf::Gate& gate, std::string_view name, std::uint8_t host = 1) {
    Bytes frame =
        ethernet(kIpv4Type, ip4("192.0.2.1", "203.0.113.10", 17, udp(1000, 53, Bytes(20))));
    frame[5] = host;
    const auto value = [&] {
      const auto counters = gate.counters();
      for (const auto& counter : counters.value()) {
        if (counter.name == name) return counter.packets;
      }
      return std::uint64_t{0};
    };
    const auto before = value();
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (::send(wire_.get(), frame.data(), frame.size(), 0) < 0) return false;
      if (value() > before) return true;
      ::usleep(10000);
    }
    return false;
  }

  std::string dir_;
  sys::UniqueFd wire_;
};

TEST_F(GateAfXdp, HandsVipTrafficToEachDataPlaneInTurn) {
  auto gate = ebpf::Gate::attach("flgate0", dir_ + "/bpf");
  ASSERT_TRUE(gate) << gate.error().what;
  const std::vector<ebpf::ServedVip> vips = {
      {*net::Prefix::parse("203.0.113.10"), net::IpProto::kUdp, 53}};
  ASSERT_TRUE(gate->set_vips(vips));
  ASSERT_TRUE(sent_until_grows(*gate, "no_socket"));
  EXPECT_TRUE(sent_until_grows(*gate, "other_host", 7)) << "frames of another host are ours";

  {
    Testpmd first(dir_ + "/first.log");
    EXPECT_TRUE(sent_until_grows(*gate, "redirected")) << "the socket is not in xsks_map";
    first.end(SIGKILL);
  }
  EXPECT_TRUE(sent_until_grows(*gate, "no_socket"))
      << "the dead data plane's socket is still there";
  {
    Testpmd second(dir_ + "/second.log");
    EXPECT_TRUE(sent_until_grows(*gate, "redirected"));
    second.end(SIGTERM);
  }
  EXPECT_TRUE(sent_until_grows(*gate, "no_socket"));
  EXPECT_TRUE(gate->detach()) << "the data plane must not take the gate away";
}

}  // namespace
}  // namespace fairlead::testing
