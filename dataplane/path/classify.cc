// SPDX-License-Identifier: BSD-3-Clause
// Stage 2: the vip of each packet, its flow hash, and a head start for its flow bucket.
#include <algorithm>

#include "dataplane/path/hash_burst.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

/// True if some vip has this address, whatever protocol and port. Reads every vip: only for
/// packets that parse() found something wrong with.
bool is_vip_address(const steer::TableView& table, const net::FiveTuple& tuple) {
  for (const fl_vip& vip : table.vips()) {
    if (vip.family != tuple.family) continue;
    const net::Prefix prefix{tuple.destination_address().masked(vip.prefix_len), vip.prefix_len};
    if (std::equal(prefix.address.bytes.begin(), prefix.address.bytes.end(), vip.address))
      return true;
  }
  return false;
}

/// A packet that something is wrong with: ours to judge only if it is for a vip.
void judge(const WorkerContext& context, Burst& burst, unsigned i) {
  if (!context.table.valid() || is_vip_address(context.table, burst.parsed[i].tuple)) {
    drop(burst, i, burst.reason[i]);
  } else {
    punt(burst, i, FL_REASON_NO_VIP);
  }
}

const fl_vip* find_vip(const steer::TableView& table, const net::FiveTuple& tuple) {
  return table.find_vip(
      tuple.destination[0],
      tuple.destination[1],
      tuple.family,
      tuple.protocol,
      tuple.destination_port_raw()
  );
}

/// Packets in a row often go to one vip: the last answer is kept for a burst.
class VipMemo {
 public:
  const fl_vip* find(const steer::TableView& table, const net::FiveTuple& tuple) {
    const bool same = last_ != nullptr && tuple.destination[0] == last_->destination[0] &&
                      tuple.destination[1] == last_->destination[1] &&
                      tuple.destination_port_raw() == last_->destination_port_raw() &&
                      tuple.protocol == last_->protocol && tuple.family == last_->family;
    if (!same) {
      vip_ = find_vip(table, tuple);
      last_ = &tuple;
    }
    return vip_;
  }

 private:
  const net::FiveTuple* last_ = nullptr;
  const fl_vip* vip_ = nullptr;
};

/// Indices of one family's packets, hashed kHashLanes at a time.
struct LaneQueue {
  std::array<const net::FiveTuple*, kHashLanes> tuples;
  std::array<std::uint8_t, kHashLanes> index;
  unsigned used = 0;
};

using HashLanes =
    void (*)(const std::uint64_t*, std::span<const net::FiveTuple* const>, std::uint64_t*);

void flush(const WorkerContext& context, Burst& burst, LaneQueue& queue, HashLanes hash_lanes) {
  if (queue.used == 0) return;
  std::array<std::uint64_t, kHashLanes> hashes;
  hash_lanes(context.table.hash_key(), {queue.tuples.data(), queue.used}, hashes.data());
  for (unsigned lane = 0; lane < queue.used; ++lane) {
    burst.hash[queue.index[lane]] = hashes[lane];
    context.flows.prefetch(hashes[lane]);
  }
  queue.used = 0;
}

void enqueue(
    const WorkerContext& context, Burst& burst, unsigned i, LaneQueue& queue, HashLanes hash_lanes
) {
  queue.tuples[queue.used] = &burst.parsed[i].tuple;
  queue.index[queue.used] = static_cast<std::uint8_t>(i);
  if (++queue.used == kHashLanes) flush(context, burst, queue, hash_lanes);
}

/// True if packet i goes on.
bool classify_packet(const WorkerContext& context, Burst& burst, unsigned i, VipMemo& memo) {
  if (burst.reason[i] != FL_REASON_NONE) [[unlikely]] {
    judge(context, burst, i);
    return false;
  }
  if (!context.table.valid()) [[unlikely]] {
    drop(burst, i, FL_REASON_NO_TABLE);
    return false;
  }
  burst.vip[i] = memo.find(context.table, burst.parsed[i].tuple);
  if (burst.vip[i] == nullptr) {
    punt(burst, i, FL_REASON_NO_VIP);
    return false;
  }
  return true;
}

}  // namespace

void classify(WorkerContext& context, Burst& burst) {
  LaneQueue queue4;
  LaneQueue queue6;
  VipMemo memo;
  unsigned live = 0;
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const unsigned i = burst.live[k];
    if (!classify_packet(context, burst, i, memo)) continue;
    burst.live[live++] = static_cast<std::uint8_t>(i);
    if (burst.parsed[i].tuple.family == 4) {
      enqueue(context, burst, i, queue4, hash_lanes4);
    } else {
      enqueue(context, burst, i, queue6, hash_lanes6);
    }
  }
  flush(context, burst, queue4, hash_lanes4);
  flush(context, burst, queue6, hash_lanes6);
  burst.live_count = live;
}

}  // namespace fairlead::path
