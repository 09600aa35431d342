// SPDX-License-Identifier: BSD-3-Clause
// A worker without DPDK: owns its page, flow memory and buffers, and runs bursts of frames.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/path/pipeline.hh"
#include "dataplane/path/waiting_packets.hh"
#include "tests/testing/packet_builder.hh"

namespace fairlead::testing {

/// Zeroed memory at line boundaries with a flow region's header.
class FlowMemory {
 public:
  explicit FlowMemory(std::uint64_t buckets);
  [[nodiscard]] std::span<std::byte> region();

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines_;
};

struct Result {
  steer::Verdict verdict{};
  fl_reason reason{};
  std::uint32_t member = FL_NO_MEMBER;
  Frame out;  // the frame to send; empty unless forwarded or answered
};

/// Runs bursts and checks the conservation law after each.
class TestWorker {
 public:
  explicit TestWorker(std::uint64_t flow_buckets = 64);

  /// Puts a table in force. The caller keeps it alive.
  void use(const steer::TableView& table) { path::use_table(context_, table); }
  void advance(base::Nanoseconds by) { context_.now += by; }
  /// At most path::kPacketsInTurn frames, in bursts of 32 that are run together. Fragments that
  /// it ends the wait of are in released() then.
  std::vector<Result> run(const std::vector<Frame>& frames);
  Result run_one(const Frame& frame) { return run({frame}).front(); }
  /// What a worker does when there are no packets.
  void idle();
  /// Results of the frames that had waited and were run again by the last run() or idle().
  [[nodiscard]] const std::vector<Result>& released() const { return released_; }

  /// rx_packets - tx_packets - punted - answered - sum(drops): 0 while no packet was lost
  /// uncounted.
  [[nodiscard]] std::int64_t unaccounted() const;

  path::WorkerContext& context() { return context_; }
  fl_worker_page& page() { return *page_; }
  /// Room in front of frames, for tests of too little of it.
  void set_headroom(std::uint32_t bytes) { headroom_ = bytes; }
  /// There is, or was, a control; it has just seen every backend answer, or none.
  void set_control(bool sees_answers);
  /// Every packet by itself, as if none were plain (path::run_carefully).
  void set_careful() { careful_ = true; }
  [[nodiscard]] std::span<const std::byte> flow_memory() { return memory_.region(); }

 private:
  std::vector<Result> run_bursts(const std::vector<Frame>& frames, fl_reason last_call);
  void load(path::Burst& burst, std::span<const Frame> frames, std::unique_ptr<std::uint8_t[]>* to);
  void collect(const path::Burst& burst, std::span<const Frame> frames, std::vector<Result>& to);
  void run_again();

  static constexpr std::uint32_t kRoom = 128;

  std::unique_ptr<fl_worker_page> page_;
  std::unique_ptr<fl_scores> scores_;
  FlowMemory memory_;
  path::FragmentMemory fragments_;
  path::WaitingPackets<Frame> waiting_;
  std::vector<Result> released_;
  path::WorkerContext context_;
  std::uint32_t headroom_ = kRoom;
  bool careful_ = false;
  std::array<std::unique_ptr<std::uint8_t[]>, path::kPacketsInTurn> buffers_;
  std::array<path::Burst, 2> bursts_{};
};

}  // namespace fairlead::testing
