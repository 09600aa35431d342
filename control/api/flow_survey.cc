// SPDX-License-Identifier: BSD-3-Clause
// Walks over flow tables.
#include "control/api/flow_survey.hh"

#include <algorithm>
#include <numeric>

namespace fairlead::api {
namespace {

FlowRow row_of(const WorkerFlows& flows, flow::Position at, base::Nanoseconds now) {
  const flow::FlowTable& table = flows.table;
  return {
      flows.worker,
      table.identity(at),
      table.member(at),
      table.state(at),
      table.idle(at, flow::tick_of(now)) * FL_FLOW_TICK_NS / base::kMillisecond};
}

std::size_t age_class(std::uint64_t idle_ms) {
  const auto limit = std::find_if(kAgeLimits.begin(), kAgeLimits.end(), [idle_ms](auto seconds) {
    return idle_ms < std::uint64_t{seconds} * 1000;
  });
  return static_cast<std::size_t>(limit - kAgeLimits.begin());
}

// A torn entry can show a state that does not exist.
std::size_t index(flow::FlowState state) {
  return std::min<std::size_t>(static_cast<std::size_t>(state), FL_FLOW_STATES - 1);
}

}  // namespace

std::uint64_t FlowCount::entries() const {
  return std::accumulate(by_state.begin(), by_state.end(), std::uint64_t{0});
}

FlowCount count_flows(const WorkerFlows& flows) {
  FlowCount count;
  count.worker = flows.worker;
  count.buckets = flows.table.bucket_count();
  for (std::uint32_t bucket = 0; bucket < count.buckets; ++bucket)
    flows.table.visit_bucket(bucket, [&](flow::Position at) {
      const flow::FlowState state = flows.table.state(at);
      ++count.by_state[index(state)];
      if (!flow::is_open(state)) return;
      const std::uint32_t member = flows.table.member(at);
      if (member >= count.open_by_member.size()) count.open_by_member.resize(member + 1);
      ++count.open_by_member[member];
    });
  return count;
}

FlowStats survey(const WorkerFlows& flows, base::Nanoseconds now) {
  FlowStats stats;
  for (std::uint32_t bucket = 0; bucket < flows.table.bucket_count(); ++bucket) {
    std::size_t used = 0;
    flows.table.visit_bucket(bucket, [&](flow::Position at) {
      ++used;
      stats.in_second_bucket += flows.table.in_second_bucket(at) ? 1 : 0;
      const FlowRow row = row_of(flows, at, now);
      ++stats.ages[age_class(row.idle_ms)][index(row.state)];
    });
    ++stats.fill[used];
  }
  return stats;
}

FlowChunk list_flows(
    std::span<const WorkerFlows> flows,
    std::uint64_t cursor,
    std::size_t limit,
    base::Nanoseconds now,
    const std::function<bool(const FlowRow&)>& wanted
) {
  FlowChunk chunk;
  std::uint32_t left = kBucketsPerChunk;
  const std::uint64_t first_worker = cursor >> 32;
  for (const WorkerFlows& worker : flows) {
    if (worker.worker < first_worker) continue;
    std::uint32_t bucket = worker.worker == first_worker ? static_cast<std::uint32_t>(cursor) : 0;
    for (; bucket < worker.table.bucket_count(); ++bucket, --left) {
      if (left == 0 || chunk.rows.size() >= limit) {
        chunk.next = std::uint64_t{worker.worker} << 32 | bucket;
        return chunk;
      }
      worker.table.visit_bucket(bucket, [&](flow::Position at) {
        const FlowRow row = row_of(worker, at, now);
        if (wanted(row)) chunk.rows.push_back(row);
      });
    }
  }
  chunk.complete = true;
  return chunk;
}

std::optional<FlowRow> find_flow(
    std::span<const WorkerFlows> flows,
    std::uint64_t hash,
    base::Nanoseconds now,
    const std::function<bool(std::uint32_t member)>& is_of_vip
) {
  for (const WorkerFlows& worker : flows) {
    const flow::Position at = worker.table.find(hash);
    if (at != flow::kNoPosition && is_of_vip(worker.table.member(at)))
      return row_of(worker, at, now);
  }
  return std::nullopt;
}

}  // namespace fairlead::api
