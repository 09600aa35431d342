// SPDX-License-Identifier: BSD-3-Clause
// What a packet costs in the agent's program, in the kernel, with XDP_PASS beside it: without hop
// list, and with one, which asks the kernel for the connection's socket.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include "dataplane/sys/unique_fd.hh"
#include "ebpf/bpffs.hh"
#include "ebpf/decap.skel.h"
#include "ebpf/include/sources.h"
#include "ebpf/vip_table.hh"
#include "tests/bench/restored_run.hh"

namespace fairlead::testing {
namespace {

constexpr const char* kClient = "198.51.100.7";
constexpr const char* kVip = "203.0.113.10";
constexpr std::uint32_t kNode = 0xc000020b;  // 192.0.2.11
constexpr std::uint32_t kRuns = 1 << 18;     // in one iteration
constexpr std::uint16_t kPort = 41000;       // the client's

struct Close {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

/// A host of its own with one connection from client to vip.
class Host {
 public:
  Host() {
    const std::string setup = std::string("ip link set lo up && ip addr add ") + kVip +
                              "/32 dev lo && ip addr add " + kClient + "/32 dev lo";
    if (::unshare(CLONE_NEWNET) != 0 || std::system(setup.c_str()) != 0)
      throw std::runtime_error("make a network namespace");
    listener_ = bound(kVip, 80);
    ::listen(listener_.get(), 1);
    client_ = bound(kClient, kPort);
    const sockaddr_in to = at(kVip, 80);
    if (::connect(client_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("connect");
    accepted_ = sys::UniqueFd(::accept(listener_.get(), nullptr, nullptr));
  }

 private:
  static sockaddr_in at(const char* address, std::uint16_t port) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &in.sin_addr);
    return in;
  }
  static sys::UniqueFd bound(const char* address, std::uint16_t port) {
    sys::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in in = at(address, port);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&in), sizeof in) != 0)
      throw std::runtime_error("bind");
    return fd;
  }
  sys::UniqueFd listener_;
  sys::UniqueFd client_;
  sys::UniqueFd accepted_;
};

class Bench {
 public:
  Bench() {
    ebpf::capture_libbpf_messages();
    std::size_t bytes = 0;
    const void* const elf = decap_bpf__elf_bytes(&bytes);
    object_.reset(bpf_object__open_mem(elf, bytes, nullptr));
    if (!object_ || bpf_object__load(object_.get()) != 0) throw std::runtime_error("load decap");
    const std::vector<ebpf::ServedVip> vips = {
        {net::Prefix::parse(kVip).value(), net::IpProto::kTcp, 80}};
    const auto table = ebpf::build_vip_table(vips);
    if (!table || !ebpf::write_vip_table(*table, map("fl_vips"), map("fl_vip_shapes")))
      throw std::runtime_error("vips");
    fl_source_key key{};
    key.prefix_bits = FL_SOURCE_FAMILY_BITS + 32;
    key.family = 4;
    key.address[0] = htonl(kNode);
    const std::uint32_t node = FL_SOURCE_NODE;
    if (bpf_map_update_elem(map("fl_sources"), &key, &node, BPF_ANY) != 0)
      throw std::runtime_error("sources");
  }
  [[nodiscard]] int program() const {
    return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), "fl_decap"));
  }
  RestoredRun run;

 private:
  [[nodiscard]] int map(const char* name) const {
    return bpf_object__find_map_fd_by_name(object_.get(), name);
  }
  Host host_;
  std::unique_ptr<bpf_object, Close> object_;
};
Bench& bench() {
  static Bench one;
  return one;
}

void measure(benchmark::State& state, int program, const Frame& frame) {
  Bench& b = bench();
  b.run.set_frame(frame, kNode);
  for (auto _ : state) state.SetIterationTime(b.run(program, 1, kRuns, XDP_PASS) * kRuns / 1e9);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kRuns);
}
void decap(benchmark::State& state, const Frame& frame) {
  measure(state, bench().program(), frame);
  state.SetLabel("floor: decap/xdp_pass/manual_time");
}

PacketBuilder outer() {
  return packet().ipv4("192.0.2.11", "10.0.0.1").df();
}
Frame with(PacketBuilder builder) {
  return builder.ipv4(kClient, kVip).ttl(63).tcp(kPort, 80, "A").payload(20);
}

}  // namespace
}  // namespace fairlead::testing

int main(int argc, char** argv) {
  using namespace fairlead::testing;
  if (::geteuid() != 0) {
    std::fprintf(stderr, "decap_bench: loading BPF programs needs root; nothing measured\n");
    return 0;
  }
  const Frame ipip = with(outer());
  const Frame gue = with(outer().udp(40000, 19523).gue());
  const Frame asking = with(outer().udp(40000, 19523).gue({"10.0.0.2"}));
  benchmark::Initialize(&argc, argv);
  benchmark::RegisterBenchmark("decap/xdp_pass", [&](benchmark::State& state) {
    measure(state, bench().run.let_go(), ipip);
  })->UseManualTime();
  for (const auto& [name, frame] :
       {std::pair{"decap/ipip", &ipip},
        std::pair{"decap/gue", &gue},
        std::pair{"decap/gue_socket_lookup", &asking}})
    benchmark::RegisterBenchmark(name, [f = frame](benchmark::State& state) {
      decap(state, *f);
    })->UseManualTime();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
