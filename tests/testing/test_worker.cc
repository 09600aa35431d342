// SPDX-License-Identifier: BSD-3-Clause
// What worker.cc of the data plane does around run_pipeline(), without ports.
#include "tests/testing/test_worker.hh"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace fairlead::testing {

FlowMemory::FlowMemory(std::uint64_t buckets) : lines_(buckets + 1) {
  auto* header = reinterpret_cast<fl_region_header*>(lines_.data());
  header->magic = FL_ABI_MAGIC;
  header->version = FL_ABI_VERSION;
  header->kind = FL_REGION_FLOWS;
  header->bytes = flow::FlowTable::region_bytes(buckets);
  header->parameter = buckets;
}

std::span<std::byte> FlowMemory::region() {
  return {reinterpret_cast<std::byte*>(lines_.data()), lines_.size() * sizeof(Line)};
}

TestWorker::TestWorker(std::uint64_t flow_buckets)
    : page_(std::make_unique<fl_worker_page>()), memory_(flow_buckets) {
  context_.page = page_.get();
  context_.flows = flow::FlowTable::attach(memory_.region()).value();
  context_.fragments = &fragments_;
  context_.now = 1000 * base::kSecond;
  context_.hops.own = net::MacAddr::parse(kNodeMac).value();
  context_.hops.gateway4 = net::MacAddr::parse(kGatewayMac).value();
  context_.hops.gateway6 = net::MacAddr::parse(kGatewayMac).value();
}

std::vector<Result> TestWorker::run(const std::vector<Frame>& frames) {
  if (frames.size() > path::kPacketsInTurn) throw std::invalid_argument("too many frames");
  released_.clear();
  std::vector<Result> results = run_bursts(frames, FL_REASON_NONE);
  run_again();
  return results;
}

void TestWorker::set_control(bool sees_answers) {
  if (!scores_) scores_ = std::make_unique<fl_scores>();
  scores_->updated_ns = context_.now;
  for (std::uint64_t& answered : scores_->answered_ns) answered = sees_answers ? context_.now : 0;
  context_.scores = scores_.get();
}

void TestWorker::idle() {
  released_.clear();
  path::maintain(context_);
  run_again();
}

void TestWorker::run_again() {
  waiting_.run_again(context_, [&](std::span<Frame> frames, fl_reason last_call) {
    for (Result& result : run_bursts({frames.begin(), frames.end()}, last_call))
      released_.push_back(std::move(result));
  });
}

void TestWorker::load(
    path::Burst& burst, std::span<const Frame> frames, std::unique_ptr<std::uint8_t[]>* to
) {
  burst.count = static_cast<unsigned>(frames.size());
  for (unsigned i = 0; i < burst.count; ++i) {
    // As large as it has to be, so that sanitizers see every byte outside.
    const std::size_t bytes = headroom_ + frames[i].size();
    to[i].reset(new std::uint8_t[std::max<std::size_t>(bytes, context_.buffer_bytes)]);
    burst.data[i] = to[i].get() + headroom_;
    std::copy(frames[i].begin(), frames[i].end(), burst.data[i]);
    burst.length[i] = burst.packet_bytes[i] = static_cast<std::uint32_t>(frames[i].size());
    burst.headroom[i] = headroom_;
    page_->rx_bytes += frames[i].size();
  }
  page_->rx_packets += burst.count;
}

void TestWorker::collect(
    const path::Burst& burst, std::span<const Frame> frames, std::vector<Result>& to
) {
  for (unsigned i = 0; i < burst.count; ++i) {
    Result& result = to.emplace_back();
    result.verdict = burst.verdict[i];
    result.reason = burst.reason[i];
    result.member = burst.member[i];
    if (burst.verdict[i] == steer::Verdict::kWait) waiting_.keep(burst.member[i], frames[i]);
    const bool answered = burst.verdict[i] == steer::Verdict::kAnswer;
    if (burst.verdict[i] != steer::Verdict::kForward && !answered) continue;
    if (!answered) ++page_->tx_packets;
    result.out.assign(burst.data[i], burst.data[i] + burst.packet_bytes[i]);
  }
}

std::vector<Result> TestWorker::run_bursts(const std::vector<Frame>& frames, fl_reason last_call) {
  const auto of_burst = [&](unsigned k) {
    const std::size_t first = std::size_t{k} * path::kBurstPackets;
    return std::span(frames).subspan(
        first, std::min<std::size_t>(frames.size() - first, path::kBurstPackets)
    );
  };
  const auto prepare = [&](path::Burst& burst, unsigned k) {
    burst.last_call = last_call;
    load(burst, of_burst(k), &buffers_[std::size_t{k} * path::kBurstPackets]);
  };
  std::vector<Result> results;
  const auto take = [&](path::Burst& burst, unsigned k) { collect(burst, of_burst(k), results); };
  const auto count =
      static_cast<unsigned>((frames.size() + path::kBurstPackets - 1) / path::kBurstPackets);
  if (!careful_) path::run_bursts(context_, bursts_, count, prepare, take);
  for (unsigned k = 0; careful_ && k < count; ++k) {
    prepare(bursts_[0], k);
    path::run_carefully(context_, bursts_[0]);
    take(bursts_[0], k);
  }
  return results;
}

std::int64_t TestWorker::unaccounted() const {
  const std::uint64_t drops =
      std::accumulate(std::begin(page_->drops), std::end(page_->drops), std::uint64_t{0});
  return static_cast<std::int64_t>(
      page_->rx_packets - page_->tx_packets - page_->punted - page_->answered - drops
  );
}

}  // namespace fairlead::testing
