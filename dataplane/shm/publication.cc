// SPDX-License-Identifier: BSD-3-Clause
// The publication rule in code. Every memory order here has its reason in docs/publication.md.
#include "dataplane/shm/publication.hh"

#include <algorithm>
#include <string>
#include <utility>

#include "dataplane/base/check.hh"
#include "dataplane/shm/process_state.hh"

namespace fairlead::shm {

using base::ErrorCode;
using base::fail;

GenerationReader::GenerationReader(const Region& steering, fl_worker_page* page)
    : current_(&steering.at<fl_current>(FL_LINE_BYTES)->generation),
      order_(steering.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET)),
      banks_(steering.data() + FL_BANKS_OFFSET),
      bank_bytes_(steering.header().parameter),
      ack_(&page->ack) {
  go_offline();
}

const fl_bank* GenerationReader::bank(std::uint64_t generation) const {
  return reinterpret_cast<const fl_bank*>(banks_ + (generation % FL_BANKS) * bank_bytes_);
}

const fl_bank* GenerationReader::current() {
  const std::uint64_t now = __atomic_load_n(current_, __ATOMIC_ACQUIRE);
  if (now != seen_) [[unlikely]] {
    if (seen_ == 0) {
      go_online();
    } else {
      // Before the first read of the new bank; release: after the last read of the old one.
      __atomic_store_n(ack_, now, __ATOMIC_RELEASE);
      seen_ = now;
    }
  }
  return seen_ == 0 ? nullptr : bank(seen_);
}

void GenerationReader::go_online() {
  std::uint64_t now = __atomic_load_n(current_, __ATOMIC_SEQ_CST);
  for (;;) {
    __atomic_store_n(ack_, now, __ATOMIC_SEQ_CST);
    const std::uint64_t again = __atomic_load_n(current_, __ATOMIC_SEQ_CST);
    if (again == now) break;
    now = again;
  }
  seen_ = now;
}

void GenerationReader::go_offline() {
  __atomic_store_n(ack_, std::uint64_t{0}, __ATOMIC_RELEASE);
  seen_ = 0;
}

GenerationWriter::GenerationWriter(Region& steering, Region& workers)
    : GenerationWriter(steering, workers, worker_is_gone) {}

GenerationWriter::GenerationWriter(Region& steering, Region& workers, Gone gone)
    : current_(steering.at<fl_current>(FL_LINE_BYTES)),
      banks_(steering.data() + FL_BANKS_OFFSET),
      bank_bytes_(steering.header().parameter),
      workers_(workers.at<fl_workers>(0)),
      gone_(std::move(gone)) {}

std::byte* GenerationWriter::bank(std::uint64_t generation) const {
  return banks_ + (generation % FL_BANKS) * bank_bytes_;
}

std::uint64_t GenerationWriter::generation() const {
  return __atomic_load_n(&current_->generation, __ATOMIC_ACQUIRE);
}

std::span<const std::byte> GenerationWriter::current_bank() const {
  const std::uint64_t now = generation();
  if (now == 0) return {};
  return {bank(now), bank_bytes_};
}

base::Result<std::span<std::byte>> GenerationWriter::next_bank(base::Nanoseconds now) {
  const std::uint64_t next = generation() + 1;
  for (unsigned w = 0; next > FL_BANKS && w < FL_MAX_WORKERS; ++w) {
    fl_worker_page& page = workers_->worker[w];
    const std::uint64_t ack = __atomic_load_n(&page.ack, __ATOMIC_SEQ_CST);
    if (ack == 0 || ack > next - FL_BANKS) continue;
    if (!gone_(page, now))
      return fail(
          ErrorCode::kUnavailable,
          "worker " + std::to_string(w) + " still reads generation " + std::to_string(ack) +
              ", whose bank generation " + std::to_string(next) + " needs"
      );
    // Only if it is still the dead worker's word: a new process may have taken the page over.
    std::uint64_t expected = ack;
    __atomic_compare_exchange_n(
        &page.ack, &expected, std::uint64_t{0}, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST
    );
    if (expected != ack && expected != 0 && expected <= next - FL_BANKS)
      return fail(ErrorCode::kUnavailable, "worker " + std::to_string(w) + " is starting");
  }
  prepared_ = true;
  return std::span<std::byte>(bank(next), bank_bytes_);
}

std::uint64_t GenerationWriter::publish(base::Nanoseconds now) {
  const std::uint64_t next = generation() + 1;
  FL_CHECK(prepared_);
  FL_CHECK(reinterpret_cast<const fl_bank*>(bank(next))->generation == next);
  prepared_ = false;
  __atomic_store_n(&current_->published_ns, now, __ATOMIC_RELAXED);
  __atomic_store_n(&current_->generation, next, __ATOMIC_SEQ_CST);
  return next;
}

Acknowledgement GenerationWriter::acknowledged(std::uint64_t generation) const {
  Acknowledgement result;
  for (const fl_worker_page& page : workers_->worker) {
    const std::uint64_t ack = __atomic_load_n(&page.ack, __ATOMIC_ACQUIRE);
    if (ack == 0) continue;
    ++result.online;
    if (ack < generation) ++result.behind;
    result.lowest = result.lowest == 0 ? ack : std::min(result.lowest, ack);
  }
  return result;
}

bool worker_is_gone(const fl_worker_page& page, base::Nanoseconds now) {
  const std::uint64_t beat = __atomic_load_n(&page.heartbeat_ns, __ATOMIC_ACQUIRE);
  if (now < beat + kHeartbeatStale) return false;
  return !process_lives(page.pid, page.started_ns);
}

}  // namespace fairlead::shm
