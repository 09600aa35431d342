// SPDX-License-Identifier: BSD-3-Clause
// The gate with regions of its own, run in the kernel on single frames (BPF_PROG_TEST_RUN).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <bpf/libbpf.h>

#include "dataplane/base/clock.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/steer/verdict.hh"
#include "ebpf/include/gate_regions.h"
#include "tests/testing/packet_builder.hh"
#include "tests/testing/test_bank.hh"

namespace fairlead::testing {

/// Loads the program with regions as maps, no interface, no socket: the gate owns queue 0. Throws
/// if it does not load. Needs root.
class GateWorld {
 public:
  explicit GateWorld(std::uint64_t flow_buckets = 64);

  /// As new: no flows, no counts, no table.
  void reset();
  /// Puts a table in force; null: none is published.
  void use(const TestTable& table, bool published = true);
  void set_settings(const fl_gate_settings& settings);
  /// As the data plane's tests have it: own MAC, gateways, MTU 1500.
  [[nodiscard]] static fl_gate_settings usual_settings();

  /// The frames that follow come to the queue of worker 0, 1 or 2, each of which has a flow table.
  void work_as(std::uint8_t worker);

  /// There is, or was, a control; it has just seen every backend answer, or none.
  void set_control(bool sees_answers);

  /// An AF_XDP socket on queue 0; closed: none.
  void give_socket(int socket);

  struct Result {
    steer::Verdict verdict{};
    fl_reason reason{};
    Frame out;
    std::string counter;  // the gate's own that moved
  };
  Result run(const Frame& frame);
  /// As if so much time had passed: what has a time becomes older. Ticks pass at whole multiples of
  /// FL_FLOW_TICK_NS since the beginning, as with a clock that starts at such a multiple. Of flows
  /// only those of worker 0.
  void advance(base::Nanoseconds by);

  [[nodiscard]] fl_worker_page& page(unsigned worker = 0) {
    return workers_.at<fl_workers>(0)->worker[worker];
  }
  /// The order to forget flows, which the test writes and carries out.
  [[nodiscard]] fl_flow_order& order() {
    return *steering_.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET);
  }
  /// The bank in force.
  [[nodiscard]] std::byte* bank();
  [[nodiscard]] shm::Region& flows() { return flows_; }
  [[nodiscard]] int program() const { return program_; }
  /// What is remembered of destinations (ebpf/include/gate_fast.h) is as nothing.
  void forget_vips();
  /// From now on what is remembered says another outer source; how many destinations there are.
  std::size_t falsify_memory(std::uint32_t source);
  /// rx_packets - tx_packets - punted - sum(drops).
  [[nodiscard]] std::int64_t unaccounted();

 private:
  struct Close {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  void load();
  template <typename Visit>
  void for_each_datagram(const Visit& visit) const;
  [[nodiscard]] int map(const char* name) const;
  [[nodiscard]] std::uint64_t count(std::uint32_t counter) const;
  static shm::Region make(const char* name, const shm::RegionSpec& spec);

  std::unique_ptr<bpf_object, Close> object_;
  int program_ = -1;
  shm::Region steering_;
  shm::Region scores_;
  shm::Region workers_;
  shm::Region flows_;
  shm::Region second_flows_;
  shm::Region third_flows_;
  base::Nanoseconds elapsed_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace fairlead::testing
