// SPDX-License-Identifier: BSD-3-Clause
// The decapsulator on a backend: a network namespace of the test's own with two vips on lo, TCP
// port 80 served for both, and two nodes that are trusted. Needs root.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <linux/bpf.h>
#include <sched.h>

#include "ebpf/decap.skel.h"
#include "ebpf/include/sources.h"
#include "tests/unit/ebpf/program_run.hh"

namespace fairlead::testing {

inline const std::string kNode4 = "192.0.2.11";
inline const std::string kNode6 = "2001:db8::11";
inline const std::string kClient4 = "198.51.100.7";
inline const std::string kClient6 = "2001:db8:c::7";
inline const std::string kVip4 = "203.0.113.10";
inline const std::string kVip6 = "2001:db8:1::10";
inline const std::string kSelf4 = "10.0.0.1";
inline const std::string kSelf6 = "2001:db8:b::1";
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kAck = 0x10;

class DecapBackend : public ::testing::Test {
 protected:
  void SetUp() override {
    FL_SKIP_UNLESS_ROOT();
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
    const std::string hosts = "ip link set lo up && ip addr add " + kVip4 +
                              "/32 dev lo && ip addr add " + kVip6 + "/128 dev lo nodad";
    ASSERT_EQ(std::system(hosts.c_str()), 0);
    std::size_t bytes = 0;
    const void* const elf = decap_bpf__elf_bytes(&bytes);
    program_ = std::make_unique<LoadedProgram>(elf, bytes, "fl_decap", "fl_decap_count");
    program_->set_vips({
        {*net::Prefix::parse(kVip4), net::IpProto::kTcp, 80},
        {*net::Prefix::parse(kVip6), net::IpProto::kTcp, 80},
    });
    trust(kNode4, FL_SOURCE_NODE);
    trust(kNode6, FL_SOURCE_NODE);
  }

  void trust(const std::string& text, std::uint32_t kind) {
    const auto address = net::IpAddr::parse(text).value();
    fl_source_key key{};
    key.prefix_bits = FL_SOURCE_FAMILY_BITS + static_cast<std::uint32_t>(address.bits());
    key.family = static_cast<std::uint32_t>(address.family);
    std::memcpy(key.address, address.bytes.data(), 16);
    ASSERT_EQ(bpf_map_update_elem(program_->map("fl_sources"), &key, &kind, BPF_ANY), 0);
  }

  std::unique_ptr<LoadedProgram> program_;
};

}  // namespace fairlead::testing
