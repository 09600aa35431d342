// SPDX-License-Identifier: BSD-3-Clause
// Counting, listing and finding flows in tables that workers write meanwhile. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "control/api/flow_regions.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::api {

using ByState = std::array<std::uint64_t, FL_FLOW_STATES>;

struct FlowCount {
  unsigned worker = 0;
  std::uint64_t buckets = 0;
  ByState by_state{};
  std::vector<std::uint64_t> open_by_member;  // new and confirmed; up to the highest that has any
  [[nodiscard]] std::uint64_t entries() const;
};
/// Reads the table once.
FlowCount count_flows(const WorkerFlows& flows);

/// Idle times, as the age histogram cuts them: below 1 s, 4 s, ... and the rest.
inline constexpr std::array<std::uint32_t, 7> kAgeLimits = {1, 4, 16, 60, 240, 900, 3600};

struct FlowStats {
  std::array<std::uint64_t, FL_FLOW_ENTRIES + 1> fill{};  // buckets by their number of entries
  std::uint64_t in_second_bucket = 0;
  std::array<ByState, kAgeLimits.size() + 1> ages{};  // by time since the last packet
};
FlowStats survey(const WorkerFlows& flows, base::Nanoseconds now);

struct FlowRow {
  unsigned worker = 0;
  std::uint64_t identity = 0;  // FlowTable::identity(): entries hold no tuple
  std::uint32_t member = 0;
  flow::FlowState state = flow::FlowState::kEmpty;
  std::uint64_t idle_ms = 0;
};
struct FlowChunk {
  std::vector<FlowRow> rows;
  std::uint64_t next = 0;  // cursor for the next call
  bool complete = false;   // nothing is left
};
/// Most buckets that one call reads: 16 MiB.
inline constexpr std::uint32_t kBucketsPerChunk = 1U << 18;

/// Up to about `limit` (a bucket is not cut) entries that wanted(row) selects, from `cursor` on (0:
/// the beginning; else the last call's `next`).
FlowChunk list_flows(
    std::span<const WorkerFlows> flows,
    std::uint64_t cursor,
    std::size_t limit,
    base::Nanoseconds now,
    const std::function<bool(const FlowRow&)>& wanted
);

/// The flow with this hash, if is_of_vip(member).
std::optional<FlowRow> find_flow(
    std::span<const WorkerFlows> flows,
    std::uint64_t hash,
    base::Nanoseconds now,
    const std::function<bool(std::uint32_t member)>& is_of_vip
);

}  // namespace fairlead::api
