// SPDX-License-Identifier: BSD-3-Clause
// The gate's life on a real interface, in a network namespace of the test's own: it outlives its
// process, is taken over, is replaced when the version differs, and leaves nothing behind.
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <gtest/gtest.h>

#include "dataplane/net/outer_policy.hh"
#include "dataplane/steer/abi.h"
#include "ebpf/decap_loader.hh"
#include "ebpf/include/sources.h"
#include "ebpf/loader.hh"
#include "tests/unit/ebpf/program_run.hh"

namespace fairlead::ebpf {
namespace {

class GateLifecycle : public ::testing::Test {
 protected:
  void SetUp() override {
    FL_SKIP_UNLESS_ROOT();
    // Own network and mount namespaces: they end with the test's process, whatever happens.
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    ASSERT_EQ(std::system("ip link add flgate0 type veth peer name flgate1"), 0);
    char pattern[] = "/tmp/fairlead-gate-XXXXXX";
    dir_ = ::mkdtemp(pattern);
  }
  void TearDown() override {
    if (dir_.empty()) return;
    ::umount((dir_ + "/bpf").c_str());
    std::filesystem::remove_all(dir_);
  }
  [[nodiscard]] std::string bpf() const { return dir_ + "/bpf"; }
  static std::uint32_t attached(const char* interface = "flgate0") {
    std::uint32_t id = 0;
    bpf_xdp_query_id(static_cast<int>(::if_nametoindex(interface)), 0, &id);
    return id;
  }
  /// The program on flgate0, as libxdp leaves one.
  static void put_without_link(std::uint32_t id, std::uint32_t flags) {
    const int program = bpf_prog_get_fd_by_id(id);
    const int index = static_cast<int>(::if_nametoindex("flgate0"));
    ASSERT_EQ(bpf_xdp_attach(index, program, flags, nullptr), 0);
    ::close(program);
  }

  std::string dir_;
};

TEST_F(GateLifecycle, OutlivesItsProcessAndIsTakenOver) {
  const std::vector<ServedVip> vips = {
      {*net::Prefix::parse("203.0.113.10"), net::IpProto::kTcp, 80}};
  std::uint32_t program = 0;
  {
    auto gate = Gate::attach("flgate0", bpf());
    ASSERT_TRUE(gate) << gate.error().what;
    EXPECT_EQ(gate->origin(), LinkOrigin::kAttached);
    EXPECT_EQ(gate->mode(), AttachMode::kNative);
    ASSERT_TRUE(gate->set_vips(vips));
    program = attached();
  }
  EXPECT_EQ(attached(), program) << "the gate goes on without its process";

  auto again = Gate::attach("flgate0", bpf());

  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(again->origin(), LinkOrigin::kReused);
  EXPECT_EQ(attached(), program);
  EXPECT_FALSE(again->sockets_lost());
  EXPECT_TRUE(again->counters());
}

// Two that count side by side would give packets to one backend the same identifications.
TEST_F(GateLifecycle, EachCpuCountsIdentificationsFromAPlaceOfItsOwn) {
  std::vector<std::uint64_t> ids(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::uint32_t first = 0;
  {
    auto gate = Gate::attach("flgate0", bpf());
    ASSERT_TRUE(gate) << gate.error().what;
    const int map = bpf_obj_get((bpf() + "/fl_gate_outer_id").c_str());
    ASSERT_EQ(bpf_map_lookup_elem(map, &first, ids.data()), 0);
    std::set<std::uint64_t> starts(ids.begin(), ids.end());
    for (unsigned worker = 0; worker < FL_MAX_WORKERS; ++worker)
      starts.insert(net::first_outer_id(worker));
    EXPECT_EQ(starts.size(), ids.size() + FL_MAX_WORKERS);
    ++ids[0];
    ASSERT_EQ(bpf_map_update_elem(map, &first, ids.data(), BPF_ANY), 0);
    ::close(map);
  }

  ASSERT_TRUE(Gate::attach("flgate0", bpf()));

  const int map = bpf_obj_get((bpf() + "/fl_gate_outer_id").c_str());
  std::vector<std::uint64_t> after(ids.size());
  ASSERT_EQ(bpf_map_lookup_elem(map, &first, after.data()), 0);
  ::close(map);
  EXPECT_EQ(after, ids) << "taken over, it counts on";
}

TEST_F(GateLifecycle, DetachLeavesNothingBehind) {
  auto gate = Gate::attach("flgate0", bpf());
  ASSERT_TRUE(gate) << gate.error().what;

  ASSERT_TRUE(gate->detach());

  EXPECT_EQ(attached(), 0U);
  EXPECT_FALSE(std::filesystem::exists(bpf()));
}

TEST_F(GateLifecycle, ReplacesAnotherVersionInPlace) {
  // "Another version" is another program behind our pinned link: here the decapsulator.
  const std::string pin = bpf() + "/gate_link";
  {
    auto other = Decap::attach("flgate0", bpf(), {});
    ASSERT_TRUE(other) << other.error().what;
    std::filesystem::rename(bpf() + "/decap_link", pin);
  }
  const std::uint32_t before = attached();

  auto gate = Gate::attach("flgate0", bpf());

  ASSERT_TRUE(gate) << gate.error().what;
  EXPECT_EQ(gate->origin(), LinkOrigin::kReplaced);
  EXPECT_NE(attached(), before);
  EXPECT_NE(attached(), 0U);
}

// An upgrade with another layout has empty maps: exchanged first, it would let tunnels pass.
TEST_F(GateLifecycle, ADecapsulatorWhoseMapsAreNewIsFilledBeforeItIsExchanged) {
  const std::vector<ServedVip> vips = {{*net::Prefix::parse("203.0.113.10"), net::IpProto::kTcp}};
  const std::vector<net::Prefix> nodes(FL_SOURCE_MAX + 1, *net::Prefix::parse("10.0.0.100"));
  const Decap::Content good{.vips = vips, .nodes = std::span(nodes).first(1)};
  { ASSERT_TRUE(Decap::attach("flgate0", bpf(), good)); }
  const std::uint32_t before = attached();
  const std::string pin = bpf() + "/fl_vips";
  std::filesystem::remove(pin);
  const int other = bpf_map_create(BPF_MAP_TYPE_HASH, "fl_vips", 4, 4, 1, nullptr);
  ASSERT_EQ(bpf_obj_pin(other, pin.c_str()), 0);
  ::close(other);

  ASSERT_FALSE(Decap::attach("flgate0", bpf(), {.vips = vips, .nodes = nodes}));
  EXPECT_EQ(attached(), before) << "exchanged though its maps could not be filled";
  auto decap = Decap::attach("flgate0", bpf(), good);

  ASSERT_TRUE(decap) << decap.error().what;
  EXPECT_EQ(decap->origin(), LinkOrigin::kReplaced);
  const int filled = bpf_obj_get(pin.c_str());
  fl_vip_key key{};
  EXPECT_EQ(bpf_map_get_next_key(filled, nullptr, &key), 0) << "the vip is not in it";
  ::close(filled);
}

/// A value of a pinned map of the gate.
fl_gate_settings pinned_settings(const std::string& bpf) {
  fl_gate_settings settings{};
  const std::uint32_t first = 0;
  const int fd = bpf_obj_get((bpf + "/fl_gate_settings").c_str());
  EXPECT_EQ(bpf_map_lookup_elem(fd, &first, &settings), 0);
  ::close(fd);
  return settings;
}

// The same for the gate: for a moment its program would send from no address, by no table.
TEST_F(GateLifecycle, AGateWhoseMapsAreNewIsFilledBeforeItIsExchanged) {
  const std::vector<ServedVip> good = {{*net::Prefix::parse("203.0.113.10"), net::IpProto::kTcp}};
  const std::vector<ServedVip> bad = {{*net::Prefix::parse("203.0.113.10"), net::IpProto::kIcmp}};
  GateRegions regions;
  regions.bank_bytes = 4096;
  regions.buckets = 1024;
  { ASSERT_TRUE(Gate::attach("flgate0", bpf(), regions, good)); }
  const std::uint32_t before = attached();
  const auto renew = [&] {
    const std::string pin = bpf() + "/fl_gate_settings";
    std::filesystem::remove(pin);
    const int other = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 4, 1, nullptr);
    ASSERT_EQ(bpf_obj_pin(other, pin.c_str()), 0);
    ::close(other);
  };
  renew();

  ASSERT_FALSE(Gate::attach("flgate0", bpf(), regions, bad));
  EXPECT_EQ(attached(), before) << "exchanged though its maps could not be filled";
  EXPECT_EQ(pinned_settings(bpf()).bank_lines, 4096U / FL_LINE_BYTES) << "filled too late";
  renew();
  auto gate = Gate::attach("flgate0", bpf(), regions, good);

  ASSERT_TRUE(gate) << gate.error().what;
  EXPECT_EQ(gate->origin(), LinkOrigin::kReplaced);
  EXPECT_NE(pinned_settings(bpf()).own, 0U);
  const int vips = bpf_obj_get((bpf() + "/fl_vips").c_str());
  fl_vip_key key{};
  EXPECT_EQ(bpf_map_get_next_key(vips, nullptr, &key), 0) << "the vip is not in it";
  ::close(vips);
}

TEST_F(GateLifecycle, SeesThreadsEndUntilItIsDetached) {
  bpf_map_create_opts mappable{};
  mappable.sz = sizeof mappable;
  mappable.map_flags = BPF_F_MMAPABLE;
  const int pages = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pages", 4, FL_LINE_BYTES, 64, &mappable);
  GateRegions regions;
  regions.workers = pages;
  auto gate = Gate::attach("flgate0", bpf(), regions);
  ::close(pages);
  ASSERT_TRUE(gate) << gate.error().what;
  EXPECT_EQ(gate->blind_to_exits(), "");
  EXPECT_TRUE(std::filesystem::exists(bpf() + "/exits_link"));

  ASSERT_TRUE(gate->detach());

  EXPECT_FALSE(std::filesystem::exists(bpf())) << "a program keeps the file system";
}

TEST_F(GateLifecycle, DoesNotTouchAProgramOfSomebodyElse) {
  auto other = Decap::attach("flgate0", bpf() + "-other", {});
  ASSERT_TRUE(other) << other.error().what;

  const auto gate = Gate::attach("flgate0", bpf());

  ASSERT_FALSE(gate);
  EXPECT_EQ(gate.error().code, base::ErrorCode::kAlreadyExists);
  EXPECT_TRUE(other->detach());
}

// What an AF_XDP process leaves behind when it is killed: whether another one uses it cannot be
// seen, so the operator decides.
TEST_F(GateLifecycle, SaysHowALeftoverOfLibxdpIsRemoved) {
  auto elsewhere = Gate::attach("flgate1", bpf() + "-other");
  ASSERT_TRUE(elsewhere) << elsewhere.error().what;
  put_without_link(attached("flgate1"), 0);

  const auto refused = Gate::attach("flgate0", bpf());

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::ErrorCode::kAlreadyExists);
  EXPECT_NE(refused.error().what.find("(xsk_def_prog), which libxdp"), std::string::npos)
      << refused.error().what;
  const std::string command = "ip link set dev flgate0 xdp off";
  EXPECT_TRUE(refused.error().what.ends_with(command)) << refused.error().what;
  EXPECT_EQ(refused.error().what.find('\n'), std::string::npos);
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_TRUE(Gate::attach("flgate0", bpf()));
  EXPECT_TRUE(elsewhere->detach());
}

TEST_F(GateLifecycle, SaysHowAGenericProgramIsRemoved) {
  auto elsewhere = Gate::attach("flgate1", bpf() + "-other");
  ASSERT_TRUE(elsewhere) << elsewhere.error().what;
  put_without_link(attached("flgate1"), XDP_FLAGS_SKB_MODE);

  const auto refused = Gate::attach("flgate0", bpf());

  ASSERT_FALSE(refused);
  const std::string command = "ip link set dev flgate0 xdpgeneric off";
  EXPECT_TRUE(refused.error().what.ends_with(command)) << refused.error().what;
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_TRUE(Gate::attach("flgate0", bpf()));
  EXPECT_TRUE(elsewhere->detach());
}

TEST_F(GateLifecycle, ForgetsAPinOfAnInterfaceThatIsGone) {
  { ASSERT_TRUE(Gate::attach("flgate0", bpf())); }
  ASSERT_EQ(std::system("ip link del flgate0"), 0);
  ASSERT_EQ(std::system("ip link add flgate0 type veth peer name flgate1"), 0);

  auto gate = Gate::attach("flgate0", bpf());

  ASSERT_TRUE(gate) << gate.error().what;
  EXPECT_EQ(gate->origin(), LinkOrigin::kAttached);
  EXPECT_NE(attached(), 0U);
}

TEST_F(GateLifecycle, SaysWhichInterfaceDoesNotExist) {
  const auto gate = Gate::attach("flgate9", bpf());
  ASSERT_FALSE(gate);
  EXPECT_EQ(gate.error().code, base::ErrorCode::kNotFound);
  EXPECT_NE(gate.error().what.find("flgate9"), std::string::npos);
}

}  // namespace
}  // namespace fairlead::ebpf
