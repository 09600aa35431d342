// SPDX-License-Identifier: BSD-3-Clause
// Runs an XDP program on one frame in the kernel (BPF_PROG_TEST_RUN) and reads its counters.
#pragma once

#include <cstdint>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <gtest/gtest.h>

#include "ebpf/bpffs.hh"
#include "ebpf/vip_table.hh"
#include "tests/unit/ebpf/frames.hh"

namespace fairlead::testing {

/// Loading programs needs CAP_BPF; elsewhere the tests are skipped.
inline bool may_load_programs() {
  return ::geteuid() == 0;
}
#define FL_SKIP_UNLESS_ROOT() \
  if (!::fairlead::testing::may_load_programs()) GTEST_SKIP() << "loading BPF programs needs root"

struct Outcome {
  std::uint32_t verdict = 0;
  Bytes frame;  // as the program left it
};

class LoadedProgram {
 public:
  LoadedProgram(const void* elf, std::size_t bytes, const char* name, const char* counter_map)
      : counter_map_(counter_map) {
    ebpf::capture_libbpf_messages();
    object_.reset(bpf_object__open_mem(elf, bytes, nullptr));
    if (!object_ || bpf_object__load(object_.get()) != 0) throw std::runtime_error("load failed");
    program_ = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), name));
  }

  [[nodiscard]] int map(const char* name) const {
    return bpf_object__find_map_fd_by_name(object_.get(), name);
  }

  void set_vips(const std::vector<ebpf::ServedVip>& vips) const {
    const auto table = ebpf::build_vip_table(vips);
    ASSERT_TRUE(table) << table.error().what;
    const auto written = ebpf::write_vip_table(*table, map("fl_vips"), map("fl_vip_shapes"));
    ASSERT_TRUE(written) << written.error().what;
  }

  [[nodiscard]] Outcome run(const Bytes& frame) const {
    Outcome r;
    r.frame.resize(frame.size() + 512);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.data_out = r.frame.data();
    options.data_size_out = static_cast<std::uint32_t>(r.frame.size());
    EXPECT_EQ(bpf_prog_test_run_opts(program_, &options), 0);
    r.verdict = options.retval;
    r.frame.resize(options.data_size_out);
    return r;
  }

  [[nodiscard]] std::uint64_t count(std::uint32_t counter) const {
    std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    EXPECT_EQ(bpf_map_lookup_elem(map(counter_map_), &counter, values.data()), 0);
    return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
  }

 private:
  struct Close {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  std::unique_ptr<bpf_object, Close> object_;
  const char* counter_map_;
  int program_ = -1;
};

}  // namespace fairlead::testing
