// SPDX-License-Identifier: BSD-3-Clause
// The workers' flow tables, read-only, from outside.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/flow/flow_table.hh"
#include "dataplane/shm/region.hh"

namespace fairlead::api {

struct FlowCount {
  unsigned worker = 0;
  std::uint64_t buckets = 0;
  std::uint64_t fresh = 0;
  std::uint64_t confirmed = 0;
  std::uint64_t closing = 0;
  std::map<std::uint32_t, std::uint64_t> by_member;  // new and confirmed
};

struct FoundFlow {
  unsigned worker = 0;
  std::uint32_t member = FL_NO_MEMBER;
  flow::FlowState state = flow::FlowState::kEmpty;
  std::uint64_t age_ms = 0;
};

/// Maps <runtime_dir>/flows.N as they appear; a restarted data plane may replace them.
class FlowRegions {
 public:
  explicit FlowRegions(std::string runtime_dir) : dir_(std::move(runtime_dir)) {}

  /// Maps what is there for workers 0 .. count-1.
  void refresh(unsigned count);
  /// Reads every table once: 8 ms per 128 MiB.
  [[nodiscard]] std::vector<FlowCount> count() const;
  /// The flow with this hash in any worker's table, if its member fits (`vip_of` gives a member's
  /// vip).
  template <typename VipOf>
  [[nodiscard]] std::optional<FoundFlow> find(
      std::uint64_t hash, std::uint32_t vip, base::Nanoseconds now, const VipOf& vip_of
  ) const {
    for (unsigned worker = 0; worker < regions_.size(); ++worker) {
      const auto table = attach(worker);
      if (!table) continue;
      const flow::Position at = table->find(hash);
      if (at == flow::kNoPosition || vip_of(table->member(at)) != vip) continue;
      const auto ticks = table->idle(at, flow::tick_of(now));
      return FoundFlow{
          worker,
          table->member(at),
          table->state(at),
          ticks * FL_FLOW_TICK_NS / base::kMillisecond};
    }
    return std::nullopt;
  }
  [[nodiscard]] const std::vector<shm::Region>& regions() const { return regions_; }

 private:
  [[nodiscard]] std::optional<flow::FlowTable> attach(unsigned worker) const;

  std::string dir_;
  std::vector<shm::Region> regions_;
};

}  // namespace fairlead::api
