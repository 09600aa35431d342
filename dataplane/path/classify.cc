// SPDX-License-Identifier: BSD-3-Clause
// Stage 2: the vip of each packet, its flow hash, and a head start for its flow bucket.
#include "dataplane/path/hash_burst.hh"
#include "dataplane/path/pipeline.hh"

namespace fairlead::path {
namespace {

/// Some vip with this address, whatever protocol and port; null: none.
const fl_vip* vip_of_address(const steer::TableView& table, const net::FiveTuple& tuple) {
  if (!table.valid()) return nullptr;
  return table.find_address(tuple.destination[0], tuple.destination[1], tuple.family);
}

/// A vip's echo is ours to answer, any other is the kernel's.
void judge_echo(const WorkerContext& context, Burst& burst, unsigned i) {
  const fl_vip* const vip = vip_of_address(context.table, burst.parsed[i].tuple);
  if (vip == nullptr || (vip->flags & FL_VIP_NO_ECHO) != 0) return punt(burst, i, FL_REASON_ICMP);
  drop_and_tell(burst, i, FL_REASON_ECHO);
}

/// A packet that something is wrong with: ours to judge only if it is for a vip.
void judge(const WorkerContext& context, Burst& burst, unsigned i) {
  if (burst.reason[i] == FL_REASON_ECHO) return judge_echo(context, burst, i);
  if (!context.table.valid() || vip_of_address(context.table, burst.parsed[i].tuple) != nullptr) {
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
    // Destination port, protocol, family; what is behind them in the tuple is zero.
    const std::uint64_t service = tuple.tail_word() >> 16;
    const std::uint64_t differs =
        (tuple.destination[0] ^ low_) | (tuple.destination[1] ^ high_) | (service ^ service_);
    if (differs != 0) [[unlikely]] {
      vip_ = find_vip(table, tuple);
      low_ = tuple.destination[0];
      high_ = tuple.destination[1];
      service_ = service;
    }
    return vip_;
  }

 private:
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
  std::uint64_t service_ = 0;  // no tuple's: family 0
  const fl_vip* vip_ = nullptr;
};

/// Without a table, or with something wrong with some packet: each one's fate by itself. True if
/// packet i goes on to its vip.
[[gnu::noinline]] bool settle(const WorkerContext& context, Burst& burst, unsigned i) {
  if (burst.reason[i] != FL_REASON_NONE) {
    judge(context, burst, i);
    return false;
  }
  if (!context.table.valid()) {
    drop(burst, i, FL_REASON_NO_TABLE);
    return false;
  }
  return true;
}

/// Hashes what is queued and asks for the flow buckets.
template <typename Queue>
void hash_and_prefetch(const WorkerContext& context, Burst& burst, Queue& queue) {
  if (queue.used == 0) return;
  alignas(64) std::uint64_t hashes[kBurstPackets];
  hash_words(context.table.hash_key(), queue.word, queue.used, hashes);
  for (unsigned k = 0; k < queue.used; ++k) {
    burst.hash[queue.index[k]] = hashes[k];
    context.flows.prefetch(hashes[k]);
  }
}

}  // namespace

void classify(WorkerContext& context, Burst& burst) {
  if (burst.live_count == 0) return;
  HashQueue4 queue4;
  HashQueue6 queue6;
  VipMemo memo;
  const bool no_table = !context.table.valid();
  unsigned live = 0;
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const unsigned i = burst.live[k];
    const net::FiveTuple& tuple = burst.parsed[i].tuple;
    if (burst.reason[i] != FL_REASON_NONE || no_table) [[unlikely]] {
      if (!settle(context, burst, i)) {
        forget(burst, i);
        continue;
      }
    }
    const fl_vip* const vip = memo.find(context.table, tuple);
    if (vip == nullptr) {
      punt(burst, i, FL_REASON_NO_VIP);
      forget(burst, i);
      continue;
    }
    burst.vip[i] = vip;
    burst.live[live++] = static_cast<std::uint8_t>(i);
    if (tuple.family == 4) {
      enqueue(queue4, tuple, i);
    } else {
      enqueue(queue6, tuple, i);
    }
  }
  hash_and_prefetch(context, burst, queue4);
  hash_and_prefetch(context, burst, queue6);
  burst.live_count = live;
}

}  // namespace fairlead::path
