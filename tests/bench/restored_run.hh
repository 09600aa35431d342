// SPDX-License-Identifier: BSD-3-Clause
// What one run of an XDP program costs in the kernel, with the frame made anew before every run
// (restore.bpf.c). For benchmarks; throws if something does not load. Needs root.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "restore.skel.h"
#include "tests/testing/packet_builder.hh"

namespace fairlead::testing {

class RestoredRun {
 public:
  RestoredRun() {
    std::size_t bytes = 0;
    const void* const elf = restore_bpf__elf_bytes(&bytes);
    object_.reset(bpf_object__open_mem(elf, bytes, nullptr));
    if (!object_ || bpf_object__load(object_.get()) != 0) throw std::runtime_error("load restore");
  }

  /// The frame, Ethernet and IPv4; its source address is `first` + the number of its flow. The
  /// first 64 bytes are made anew, which is enough for programs that touch no others.
  void set_frame(const Frame& frame, std::uint32_t first) {
    restore_ = {};
    restore_.bytes = static_cast<std::uint32_t>(frame.size());
    restore_.base = first;
    restore_.step = 0x9e3779b1;
    std::memcpy(restore_.frame, frame.data(), std::min(frame.size(), sizeof restore_.frame));
    for (unsigned i = 0; i < 20; i += 2)
      if (i != 10 && i != 12 && i != 14) restore_.sum += frame[14 + i] * 256U + frame[15 + i];
    frame_ = frame;
  }
  void set_byte(std::size_t at, std::uint8_t value) { restore_.frame[at] = value; }

  /// Average ns of `runs` runs of `program` over `flows` flows (a power of two). Throws unless the
  /// last one ended with `verdict`.
  double operator()(int program, std::uint32_t flows, std::uint32_t runs, std::uint32_t verdict) {
    const std::uint32_t first = 0;
    restore_.flow_mask = flows - 1;
    bpf_map_update_elem(map("fl_restore_map"), &first, &restore_, BPF_ANY);
    bpf_map_update_elem(map("fl_next_program"), &first, &program, BPF_ANY);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame_.data();
    options.data_size_in = static_cast<std::uint32_t>(frame_.size());
    options.repeat = static_cast<int>(runs);
    if (bpf_prog_test_run_opts(program_of("fl_restore_frame"), &options) != 0)
      throw std::runtime_error("test run");
    if (options.retval != verdict)
      throw std::runtime_error("the verdict is " + std::to_string(options.retval));
    return options.duration;
  }

  /// Programs that only send the frame back, or let it go: the floors.
  [[nodiscard]] int send_back() const { return program_of("fl_send_back"); }
  [[nodiscard]] int let_go() const { return program_of("fl_let_go"); }

 private:
  struct Restore {  // struct fl_restore
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
  [[nodiscard]] int program_of(const char* name) const {
    return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), name));
  }
  [[nodiscard]] int map(const char* name) const {
    return bpf_object__find_map_fd_by_name(object_.get(), name);
  }
  std::unique_ptr<bpf_object, Close> object_;
  Restore restore_{};
  Frame frame_;
};

}  // namespace fairlead::testing
