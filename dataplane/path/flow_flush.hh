// SPDX-License-Identifier: BSD-3-Clause
// Forgetting flows by order of an operator, a few cache lines per poll.
//
// Only the worker writes its flow table. So control does not erase: it writes an order
// (fl_flow_order) into the steering region, and each worker carries it out on its own table, in a
// bounded piece per poll and at most at its share of the order's rate, between two bursts.
// docs/data-path.md, "Flushing", has the alternatives.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.hh"
#include "dataplane/path/context.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::path {

/// Whether an order means flows of member `number`, by vip and backend. (One about a single flow
/// means at most that.)
[[nodiscard]] bool is_meant(
    const fl_flow_order& order, const steer::TableView& table, std::uint32_t number
);
/// The last order that another worker has carried out, by its page.
[[nodiscard]] std::uint64_t order_carried_out_by(const WorkerContext& context, unsigned worker);
/// True if the order that this worker began last means flow `hash`, which another worker's entry
/// gives to member `number`, and that worker has carried out another one so far (`carried_out`,
/// read before the entry).
[[nodiscard]] bool is_to_be_forgotten(
    const WorkerContext& context,
    std::uint64_t hash,
    std::uint32_t number,
    std::uint64_t carried_out
);

/// One worker's part in flushing. Worker thread only; no wait, no allocation.
class FlowFlush {
 public:
  /// Buckets looked at in one step: 16 KiB of table.
  static constexpr std::uint32_t kBucketsPerStep = 256;

  /// From now on orders are read at `order`. The one that is there counts as done: it was for an
  /// earlier life of the worker. (But what others have yet to forget by it is not copied from
  /// them.) If they were read there before, nothing changes: a worker that rested goes on where it
  /// was. `all`: where `page` lies among those with whom the rate is shared; null: the worker is
  /// alone.
  void watch(const fl_flow_order* order, fl_worker_page& page, const fl_workers* all = nullptr);

  /// The order begun last; `sequence` 0: none. It stays where it is.
  [[nodiscard]] const fl_flow_order& begun() const { return now_; }

  /// Once per poll, between two bursts: one load if there is nothing to do.
  void step(WorkerContext& context) {
    if (order_ == nullptr) return;
    const std::uint64_t wanted = __atomic_load_n(&order_->sequence, __ATOMIC_ACQUIRE);
    if (wanted != done_) [[unlikely]]
      work(context, wanted);
  }

 private:
  void work(WorkerContext& context, std::uint64_t wanted);
  [[nodiscard]] bool begin(WorkerContext& context, std::uint64_t wanted);
  void finish(WorkerContext& context);
  void forget_one(WorkerContext& context);
  void refill(base::Nanoseconds now);
  [[nodiscard]] std::uint32_t at_work() const;
  bool sweep(WorkerContext& context, std::uint32_t bucket);

  const fl_flow_order* order_ = nullptr;
  const fl_workers* all_ = nullptr;
  std::uint64_t done_ = 0;
  fl_flow_order now_{};        // at work on this, unless its sequence is done_
  std::uint32_t bucket_ = 0;   // buckets below are done
  std::int64_t credit_ = 0;    // flows x 1e9; never below 0
  std::int64_t price_ = 0;     // of the bucket that is next: so much may be saved up
  std::uint32_t sharers_ = 1;  // of the rate, when credit_ was refilled last
  base::Nanoseconds refilled_ = 0;
};

}  // namespace fairlead::path
