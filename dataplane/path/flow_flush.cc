// SPDX-License-Identifier: BSD-3-Clause
// Carrying out a flow order.
#include "dataplane/path/flow_flush.hh"

#include <algorithm>

#include "dataplane/path/flow_state.hh"
#include "dataplane/steer/flow_order.hh"

namespace fairlead::path {
namespace {

constexpr std::int64_t kFlow = 1'000'000'000;
// A worker that slept may catch up with so much of its rate.
constexpr base::Nanoseconds kCatchUp = 100 * base::kMillisecond;
// At most so often a look at the others' pages: a line that they write for every packet.
constexpr base::Nanoseconds kRefill = base::kMillisecond;

}  // namespace

bool is_meant(const fl_flow_order& order, const steer::TableView& table, std::uint32_t number) {
  if (number >= table.member_count()) return false;
  const fl_member& member = table.member(number);
  return (order.vip == FL_ANY || order.vip == member.vip) &&
         (order.backend == FL_ANY || order.backend == member.backend);
}

std::uint64_t order_carried_out_by(const WorkerContext& context, unsigned worker) {
  const auto& pages = context.relatives.pages;
  return worker < pages.size() ? __atomic_load_n(&pages[worker].flush_sequence, __ATOMIC_ACQUIRE)
                               : 0;
}

bool is_to_be_forgotten(
    const WorkerContext& context,
    std::uint64_t hash,
    std::uint32_t number,
    std::uint64_t carried_out
) {
  const fl_flow_order* const order = context.relatives.order;
  if (order == nullptr || order->sequence == 0 || order->sequence == carried_out) return false;
  return (order->one_flow == 0 || order->hash == hash) && is_meant(*order, context.table, number);
}

void FlowFlush::watch(const fl_flow_order* order, fl_worker_page& page, const fl_workers* all) {
  all_ = all;
  if (order == order_) return;
  order_ = order;
  now_ = {};
  if (order == nullptr) return;
  done_ = __atomic_load_n(&order->sequence, __ATOMIC_ACQUIRE);
  if (fl_flow_order found{}; steer::read_order(*order, done_, found)) {
    now_ = found;
  } else {
    done_ = steer::order_number(*order) - 1;  // one that is being written is for this life
  }
  __atomic_store_n(&page.flush_sequence, done_, __ATOMIC_RELEASE);
}

bool FlowFlush::begin(WorkerContext& context, std::uint64_t wanted) {
  fl_flow_order next{};
  if (!steer::read_order(*order_, wanted, next)) return false;
  now_ = next;
  bucket_ = 0;
  credit_ = 0;
  price_ = kFlow;
  sharers_ = at_work();
  refilled_ = context.now;
  __atomic_store_n(&context.page->flush_buckets, 0, __ATOMIC_RELAXED);
  return true;
}

void FlowFlush::finish(WorkerContext& context) {
  context.flows.fence(0);
  context.page->flows = context.flows.size();
  done_ = now_.sequence;
  __atomic_store_n(&context.page->flush_buckets, context.flows.bucket_count(), __ATOMIC_RELAXED);
  __atomic_store_n(&context.page->flush_sequence, done_, __ATOMIC_RELEASE);
}

/// Who shares the rate: tables that are not through yet, of stopped workers too. One that began to
/// run after the order takes it for done. Whoever has not even seen the order counts, so that no
/// moment has more than the whole.
std::uint32_t FlowFlush::at_work() const {
  if (all_ == nullptr) return 1;
  const std::uint32_t known = __atomic_load_n(&all_->worker_count, __ATOMIC_RELAXED);
  std::uint32_t count = 0;
  for (std::uint32_t w = 0; w < std::min(known, FL_MAX_WORKERS); ++w) {
    const std::uint64_t* const done = &all_->worker[w].flush_sequence;
    count += __atomic_load_n(done, __ATOMIC_RELAXED) != now_.sequence ? 1 : 0;
  }
  return std::max(count, 1U);
}

/// The share of the time since the last refill is that of its beginning: who got through meanwhile
/// may have used his to the end.
void FlowFlush::refill(base::Nanoseconds now) {
  if (now < refilled_ + kRefill) return;
  const auto rate = static_cast<std::int64_t>(now_.per_second);
  const auto elapsed = static_cast<std::int64_t>(std::min(now - refilled_, kCatchUp));
  const std::int64_t most = static_cast<std::int64_t>(kCatchUp) * rate / sharers_;
  credit_ = std::min(credit_ + elapsed * rate / sharers_, std::max(price_, most));
  sharers_ = at_work();
  refilled_ = now;
}

/// Forgets what is meant of one bucket, if there is credit for all of it. (For a part: new flows
/// that come in meanwhile could keep the sweep where it is for ever.)
bool FlowFlush::sweep(WorkerContext& context, std::uint32_t bucket) {
  if (now_.per_second != 0) {
    std::int64_t meant = 0;
    context.flows.erase_if(bucket, 1, [&](std::uint32_t member, flow::FlowState) {
      meant += is_meant(now_, context.table, member) ? 1 : 0;
      return false;
    });
    price_ = std::max<std::int64_t>(meant, 1) * kFlow;
    if (meant == 0) return true;
    if (credit_ < price_) return false;
    credit_ -= price_;
  }
  context.flows.erase_if(bucket, 1, [&](std::uint32_t member, flow::FlowState state) {
    if (!is_meant(now_, context.table, member)) return false;
    note_ended(context, {member, state}, FL_EVENT_FLUSHED);
    return true;
  });
  return true;
}

void FlowFlush::forget_one(WorkerContext& context) {
  const flow::Position at = context.flows.find(now_.hash);
  if (at == flow::kNoPosition || !is_meant(now_, context.table, context.flows.member(at))) return;
  note_ended(context, {context.flows.member(at), context.flows.state(at)}, FL_EVENT_FLUSHED);
  context.flows.erase(at);
}

void FlowFlush::work(WorkerContext& context, std::uint64_t wanted) {
  if (!context.table.valid()) return;                              // names no member yet
  if (now_.sequence != wanted && !begin(context, wanted)) return;  // it changes: next time
  if (now_.one_flow != 0) {
    forget_one(context);
    return finish(context);
  }
  if (now_.per_second != 0) refill(context.now);
  const std::uint32_t end = std::min(bucket_ + kBucketsPerStep, context.flows.bucket_count());
  while (bucket_ < end && sweep(context, bucket_)) context.flows.fence(++bucket_);
  context.page->flows = context.flows.size();
  __atomic_store_n(&context.page->flush_buckets, bucket_, __ATOMIC_RELAXED);
  if (bucket_ == context.flows.bucket_count()) finish(context);
}

}  // namespace fairlead::path
