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

}  // namespace

void FlowFlush::watch(const fl_flow_order* order, fl_worker_page& page) {
  order_ = order;
  if (order == nullptr) return;
  done_ = __atomic_load_n(&order->sequence, __ATOMIC_ACQUIRE);
  now_ = {};
  __atomic_store_n(&page.flush_sequence, done_, __ATOMIC_RELEASE);
}

bool FlowFlush::is_meant(const WorkerContext& context, std::uint32_t number) const {
  if (number >= context.table.member_count()) return false;
  const fl_member& member = context.table.member(number);
  return (now_.vip == FL_ANY || now_.vip == member.vip) &&
         (now_.backend == FL_ANY || now_.backend == member.backend);
}

bool FlowFlush::begin(WorkerContext& context, std::uint64_t wanted) {
  fl_flow_order next{};
  if (!steer::read_order(*order_, wanted, next)) return false;
  now_ = next;
  bucket_ = 0;
  credit_ = kFlow;
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

void FlowFlush::forget_one(WorkerContext& context) {
  const flow::Position at = context.flows.find(now_.hash);
  if (at == flow::kNoPosition || !is_meant(context, context.flows.member(at))) return;
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
  if (now_.per_second != 0) {
    const auto elapsed = static_cast<std::int64_t>(std::min(context.now - refilled_, kCatchUp));
    credit_ += elapsed * static_cast<std::int64_t>(now_.per_second);
    credit_ =
        std::min(credit_, std::max(kFlow, static_cast<std::int64_t>(kCatchUp) * now_.per_second));
    refilled_ = context.now;
  }
  const std::uint32_t end = std::min(bucket_ + kBucketsPerStep, context.flows.bucket_count());
  while (bucket_ < end && (now_.per_second == 0 || credit_ > 0)) {
    context.flows.erase_if(bucket_, 1, [&](std::uint32_t member, flow::FlowState state) {
      if (!is_meant(context, member)) return false;
      note_ended(context, {member, state}, FL_EVENT_FLUSHED);
      credit_ -= kFlow;
      return true;
    });
    context.flows.fence(++bucket_);
  }
  context.page->flows = context.flows.size();
  __atomic_store_n(&context.page->flush_buckets, bucket_, __ATOMIC_RELAXED);
  if (bucket_ == context.flows.bucket_count()) finish(context);
}

}  // namespace fairlead::path
