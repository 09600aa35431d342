// SPDX-License-Identifier: BSD-3-Clause
// The publication rule in code. Every memory order here has its reason in docs/publication.md.
#include "dataplane/shm/publication.hh"

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/base/check.hh"
#include "dataplane/shm/process_state.hh"

namespace fairlead::shm {

using base::ErrorCode;
using base::fail;

namespace {

bool heartbeat_is_stale(const fl_worker_page& page, base::Nanoseconds now) {
  return now >= __atomic_load_n(&page.heartbeat_ns, __ATOMIC_ACQUIRE) + kHeartbeatStale;
}

}  // namespace

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
  if (now != seen_) [[unlikely]]
    take_newest();
  return seen_ == 0 ? nullptr : bank(seen_);
}

// Says which bank it will read, and looks whether that one is still in force: only then can the
// writer not have missed it. A thread that is stopped between the two comes back with an old
// number, and takes the new one.
void GenerationReader::take_newest() {
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

/// The generation that was in force before this one; 0: there was none.
std::uint64_t GenerationWriter::before(std::uint64_t generation) const {
  std::uint64_t newest = 0;
  for (std::uint64_t b = 0; b < FL_BANKS; ++b) {
    const std::uint64_t held = reinterpret_cast<const fl_bank*>(bank(b))->generation;
    if (held < generation) newest = std::max(newest, held);
  }
  return newest;
}

base::Result<NextBank> GenerationWriter::next_bank(base::Nanoseconds now) {
  const std::uint64_t current = generation();
  std::array<bool, FL_BANKS> kept{};
  for (fl_worker_page& page : workers_->worker) {
    std::uint64_t ack = __atomic_load_n(&page.ack, __ATOMIC_SEQ_CST);
    // Only if it is still the dead worker's word: a new process may have taken the page over.
    if (ack != 0 && ack != current && gone_(page, now) &&
        __atomic_compare_exchange_n(
            &page.ack, &ack, std::uint64_t{0}, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST
        ))
      continue;
    if (ack != 0) kept[ack % FL_BANKS] = true;
  }
  const std::uint64_t previous = before(current);
  if (previous != 0 && now < __atomic_load_n(&current_->published_ns, __ATOMIC_RELAXED) + kGrace)
    kept[previous % FL_BANKS] = true;
  prepared_ = 0;
  for (std::uint64_t next = current + 1; next < current + FL_BANKS; ++next) {
    if (kept[next % FL_BANKS]) continue;
    prepared_ = next;
    return NextBank{next, {bank(next), bank_bytes_}};
  }
  return fail(ErrorCode::kUnavailable, "workers keep the banks of all earlier generations");
}

std::uint64_t GenerationWriter::publish(base::Nanoseconds now) {
  const std::uint64_t next = prepared_;
  FL_CHECK(next != 0);
  FL_CHECK(reinterpret_cast<const fl_bank*>(bank(next))->generation == next);
  prepared_ = 0;
  __atomic_store_n(&current_->published_ns, now, __ATOMIC_RELAXED);
  __atomic_store_n(&current_->generation, next, __ATOMIC_SEQ_CST);
  return next;
}

Acknowledgement GenerationWriter::acknowledged(std::uint64_t generation, base::Nanoseconds now)
    const {
  Acknowledgement result;
  const std::uint64_t current = this->generation();
  std::uint64_t lowest = current;
  for (const fl_worker_page& page : workers_->worker) {
    const std::uint64_t ack = __atomic_load_n(&page.ack, __ATOMIC_ACQUIRE);
    if (ack == 0 || heartbeat_is_stale(page, now)) continue;
    ++result.online;
    // One above is of the region that this one replaced: nothing of this one was taken up.
    const std::uint64_t taken_up = ack <= current ? ack : 0;
    if (taken_up < generation) ++result.behind;
    lowest = std::min(lowest, taken_up);
  }
  if (result.online != 0) result.lowest = lowest;
  return result;
}

std::vector<Holder> GenerationWriter::holders() const {
  const std::uint64_t current = generation();
  std::vector<Holder> behind;
  for (unsigned w = 0; w < FL_MAX_WORKERS; ++w) {
    const fl_worker_page& page = workers_->worker[w];
    const std::uint64_t ack = __atomic_load_n(&page.ack, __ATOMIC_ACQUIRE);
    if (ack != 0 && ack != current) behind.push_back({w, page.pid, ack});
  }
  return behind;
}

bool worker_is_gone(const fl_worker_page& page, base::Nanoseconds now) {
  return heartbeat_is_stale(page, now) && !process_lives(page.pid, page.started_ns);
}

}  // namespace fairlead::shm
