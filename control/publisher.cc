// SPDX-License-Identifier: BSD-3-Clause
// Planning, encoding, publishing.
#include "control/publisher.hh"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {
namespace {

// A worker that has not acknowledged by then hangs or is gone; `show status` tells.
constexpr base::Nanoseconds kStopWatching = 2 * base::kSecond;
constexpr base::Nanoseconds kStep = 20 * base::kMicrosecond;
constexpr base::Nanoseconds kMoment = base::kMillisecond;

}  // namespace

Publisher Publisher::open(
    shm::Region& steering, shm::Region& workers, base::Nanoseconds now, std::string* note
) {
  Publisher p(steering, workers);
  const auto bank = p.writer_.current_bank();
  if (bank.empty()) return p;
  const auto table = steer::TableView::attach(bank.data(), bank.size());
  auto restored = table ? steering::Steering::restore(*table, now)
                        : base::Result<steering::Steering>(tl::unexpected(table.error()));
  if (!restored) {
    *note = restored.error().what;
    return p;
  }
  p.steering_ = std::move(*restored);
  p.look_at_current();
  return p;
}

void Publisher::look_at_current() {
  const auto bank = writer_.current_bank();
  const auto table = steer::TableView::attach(bank.data(), bank.size());
  FL_CHECK(table.has_value());  // ours, or proven when opening
  table_ = *table;
  names_ = steer::read_names(table_);
}

base::Result<Publisher::Outcome> Publisher::publish(
    const std::vector<steering::PoolIntent>& pools,
    const steering::NodeIntent& node,
    base::Nanoseconds decided,
    base::Nanoseconds now
) {
  const auto bank = writer_.next_bank(now);  // before the plan, which costs more by far
  if (!bank) return Outcome::kBusy;
  FL_ASSIGN(const steering::Plan plan, steering_.plan(pools, node, now));
  if (!plan.changed) {
    steering_.commit(plan);  // what it derived need not be derived again
    return Outcome::kUnchanged;
  }
  FL_TRY(steering::encode(plan, bank->generation, now, bank->bytes));
  const base::Nanoseconds published = sys::monotonic_ns();
  const base::Nanoseconds since = std::min(decided, published);
  writer_.publish(published);
  awaited_.push_back({writer_.generation(), since, published});
  let_workers_follow();
  steering_.commit(plan);
  look_at_current();
  moved_.clear();
  for (const auto& pool : plan.pools) {
    moved_[pool.name] = pool.slots_moved;
    slots_moved_ += pool.slots_moved;
  }
  decision_.add(published - since);
  planning_.add(published - now);
  return Outcome::kPublished;
}

void Publisher::let_workers_follow() {
  const base::Nanoseconds end = sys::monotonic_ns() + kMoment;
  for (see_acknowledgements(); !awaited_.empty() && sys::monotonic_ns() < end;
       see_acknowledgements())
    std::this_thread::sleep_for(std::chrono::nanoseconds(kStep));
}

void Publisher::see_acknowledgements() {
  if (awaited_.empty()) return;
  const base::Nanoseconds now = sys::monotonic_ns();  // later than the turn's: publishing took time
  const auto state = writer_.acknowledged(writer_.generation(), now);
  if (state.online == 0) awaited_.clear();  // nobody to wait for
  while (!awaited_.empty()) {
    const Awaited& oldest = awaited_.front();
    if (state.lowest >= oldest.generation) {
      acknowledgement_.add(now - oldest.published);
      following_.add(now - oldest.decided);
      followed_.push_back({oldest.generation, now - oldest.decided});
    } else if (now <= oldest.published + kStopWatching) {
      break;
    }
    awaited_.pop_front();
  }
}

std::vector<Publisher::Followed> Publisher::watch_acknowledgements() {
  see_acknowledgements();
  return std::exchange(followed_, {});
}

std::uint64_t Publisher::acknowledged(base::Nanoseconds now) const {
  return writer_.acknowledged(writer_.generation(), now).lowest;
}

bool Publisher::may_publish(base::Nanoseconds now) {
  return writer_.next_bank(now).has_value();
}

}  // namespace fairlead::control
