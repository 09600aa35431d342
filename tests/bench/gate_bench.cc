// SPDX-License-Identifier: BSD-3-Clause
// What a packet costs in the gate, in the kernel, with the frame made anew before every run
// (restore.bpf.c) and XDP_TX beside it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "restore.skel.h"
#include "tests/packet/packet_case.hh"
#include "tests/testing/gate_world.hh"

namespace fairlead::testing {
namespace {

constexpr std::uint32_t kFlows = 1 << 20;
constexpr std::uint64_t kBuckets = 1 << 18;  // 16 MiB, half full
constexpr int kRounds = 7;

struct Restore {
  std::uint32_t bytes;
  std::uint32_t flow_mask;
  std::uint32_t next;
  std::uint32_t base;
  std::uint32_t sum;
  std::uint32_t step;
  std::uint8_t frame[128];
};

struct Close {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

class Bench {
 public:
  Bench() : gate_(kBuckets) {
    std::size_t bytes = 0;
    const void* const elf = restore_bpf__elf_bytes(&bytes);
    object_.reset(bpf_object__open_mem(elf, bytes, nullptr));
    if (!object_ || bpf_object__load(object_.get()) != 0) throw std::runtime_error("load restore");
    gate_.use(packet_table::world_table({}));
  }

  void frame(const Frame& frame) {
    restore_ = {};
    restore_.bytes = static_cast<std::uint32_t>(frame.size());
    restore_.base = 0x0b000001;  // 11.0.0.1
    restore_.step = 0x9e3779b1;
    std::memcpy(restore_.frame, frame.data(), std::min(frame.size(), sizeof restore_.frame));
    for (unsigned i = 0; i < 12; i += 2)
      if (i != 10) restore_.sum += frame[14 + i] * 256U + frame[15 + i];
    for (unsigned i = 16; i < 20; i += 2) restore_.sum += frame[14 + i] * 256U + frame[15 + i];
    frame_ = frame;
  }

  /// Average ns of `runs` runs over `flows` flows (a power of two) of program `next`.
  double run(int next, std::uint32_t flows, std::uint32_t runs, std::uint8_t flags = 0x10) {
    const std::uint32_t first = 0;
    restore_.flow_mask = flows - 1;
    restore_.frame[47] = flags;
    bpf_map_update_elem(map("fl_restore_map"), &first, &restore_, BPF_ANY);
    bpf_map_update_elem(map("fl_next_program"), &first, &next, BPF_ANY);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame_.data();
    options.data_size_in = static_cast<std::uint32_t>(frame_.size());
    options.repeat = static_cast<int>(runs);
    if (bpf_prog_test_run_opts(program("fl_restore_frame"), &options) != 0)
      throw std::runtime_error("test run");
    if (options.retval != 3) throw std::runtime_error("not sent");  // XDP_TX
    return options.duration;
  }

  int program(const char* name) const {
    return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), name));
  }
  GateWorld& gate() { return gate_; }

 private:
  int map(const char* name) const { return bpf_object__find_map_fd_by_name(object_.get(), name); }
  GateWorld gate_;
  std::unique_ptr<bpf_object, Close> object_;
  Restore restore_{};
  Frame frame_;
};

struct Series {
  const char* name;
  std::vector<double> ns = {};
  void print() {
    std::sort(ns.begin(), ns.end());
    std::printf("%-28s best %5.0f  median %5.0f ns\n", name, ns.front(), ns[ns.size() / 2]);
  }
};

int measure() {
  Bench bench;
  const auto to = [](const char* vip) {
    return Frame(packet().ipv4("11.0.0.1", vip).tcp(40000, 80, "A").payload(20));
  };
  Series floor{"xdp_tx"};
  Series ipip1{"gate ipip, 1 flow"};
  Series gue1{"gate gue, 1 flow"};
  Series ipip1m{"gate ipip, 1 M flows"};
  Series gue1m{"gate gue, 1 M flows"};
  const int gate = bench.gate().program();
  const int tx = bench.program("fl_send_back");
  for (const char* vip : {packet_table::kIpip4, packet_table::kGue4}) {
    bench.gate().reset();
    bench.gate().use(packet_table::world_table({}));
    bench.frame(to(vip));
    bench.run(gate, kFlows, kFlows, 0x02);
    bench.run(gate, kFlows, kFlows, 0x10);
    std::printf(
        "%s: %lu flows entered, %lu refused\n",
        vip,
        bench.gate().page().flow_inserts,
        bench.gate().page().flow_inserts_refused
    );
    const bool ipip = vip == packet_table::kIpip4;
    for (int round = 0; round < kRounds; ++round) {
      floor.ns.push_back(bench.run(tx, 1, 1 << 20));
      (ipip ? ipip1 : gue1).ns.push_back(bench.run(gate, 1, 1 << 20));
      (ipip ? ipip1m : gue1m).ns.push_back(bench.run(gate, kFlows, 1 << 20));
    }
  }
  for (Series* s : {&floor, &ipip1, &gue1, &ipip1m, &gue1m}) s->print();
  return 0;
}

}  // namespace
}  // namespace fairlead::testing

int main() {
  if (::geteuid() != 0) {
    std::fprintf(stderr, "loading BPF programs needs root\n");
    return 77;
  }
  try {
    return fairlead::testing::measure();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gate_bench: %s\n", error.what());
    return 1;
  }
}
