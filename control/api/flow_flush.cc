// SPDX-License-Identifier: BSD-3-Clause
// Flushing at rest.
#include "control/api/flow_flush.hh"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "control/api/flow_answers.hh"
#include "control/api/flow_file.hh"
#include "control/api/request.hh"
#include "dataplane/path/flow_flush.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/shm/bank_copy.hh"
#include "dataplane/shm/lock_holder.hh"
#include "dataplane/steer/handover.h"

namespace fairlead::api {
namespace {

using base::ErrorCode;

// A piece is at most a MiB of table; then a data plane may start, which looks for the lock every
// 10 ms.
constexpr std::uint32_t kBucketsPerPiece = 16384;
constexpr base::Nanoseconds kBetweenPieces = 10 * base::kMillisecond;
// Another tool has the lock for a piece; a data plane for its life.
constexpr unsigned kTriesForLock = 20;
constexpr base::Nanoseconds kCatchUp = 100 * base::kMillisecond;
constexpr std::int64_t kFlow = 1'000'000'000;

/// No signal ends the process between two stores.
class Undisturbed {
 public:
  Undisturbed() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;
  ~Undisturbed() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

/// A table's lock of the hand-over, while nobody but the gate can have it: what a dead data plane
/// or tool left is taken over.
class TableLock {
 public:
  explicit TableLock(fl_sign& sign) : sign_(sign) {
    for (;;) {
      std::uint32_t before = __atomic_load_n(&sign_.lock, __ATOMIC_RELAXED);
      if (before != FL_LOCK_GATE &&
          __atomic_compare_exchange_n(
              &sign_.lock, &before, FL_LOCK_TOOL, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED
          ))
        return;
      __builtin_ia32_pause();
    }
  }
  TableLock(const TableLock&) = delete;
  TableLock& operator=(const TableLock&) = delete;
  ~TableLock() { __atomic_store_n(&sign_.lock, FL_LOCK_FREE, __ATOMIC_SEQ_CST); }

 private:
  fl_sign& sign_;
};

struct Table {
  unsigned worker = 0;
  shm::Region region;
  flow::FlowTable flows = {};
  std::uint32_t bucket = 0;  // those below are done
  std::uint64_t flushed = 0;
};

class Flush {
 public:
  Flush(Request request, std::string folder)
      : request_(std::move(request)), folder_(std::move(folder)) {
    order_.per_second = std::max(request_.rate.value_or(kFlushRate), 1U);
  }

  base::Result<void> open(std::vector<FlowFiles::One> files);
  base::Result<nlohmann::json> run(const FlushTime& time);

 private:
  base::Result<sys::UniqueFd> borrow_lock(const FlushTime& time) const;
  base::Result<void> follow_table();
  base::Result<bool> piece(base::Nanoseconds now);
  bool sweep(Table& table);
  void refill(base::Nanoseconds now);
  base::Error with_count(base::Error error) const;
  [[nodiscard]] nlohmann::json answer(bool complete) const;

  Request request_;
  std::string folder_;
  fl_flow_order order_{};
  shm::Region steering_;
  shm::Region workers_;
  std::vector<Table> tables_;
  std::optional<shm::BankCopy> bank_;
  path::WorkerContext books_;   // what forgetting needs of a worker
  std::int64_t credit_ = 0;     // flows x 1e9
  std::int64_t price_ = kFlow;  // of the bucket that is next
  base::Nanoseconds refilled_ = 0;
};

base::Result<void> Flush::open(std::vector<FlowFiles::One> files) {
  constexpr auto kWrite = shm::Access::kReadWrite;
  auto steering =
      shm::Region::attach(folder_ + "/steering", FL_REGION_STEERING, shm::Access::kRead);
  auto workers = shm::Region::attach(folder_ + "/workers", FL_REGION_WORKERS, kWrite);
  for (const auto* region : {&steering, &workers})
    if (!*region)
      return base::invalid(
          region->error().what + "; a flush needs the node's whole runtime directory"
      );
  steering_ = std::move(*steering);
  workers_ = std::move(*workers);
  for (const FlowFiles::One& file : files) {
    auto region = shm::Region::attach(file.path, FL_REGION_FLOWS, kWrite);
    if (!region) return base::invalid(region.error().what);
    tables_.push_back({file.worker, std::move(*region)});
    Table& table = tables_.back();
    auto flows = flow::FlowTable::attach({table.region.data(), table.region.bytes()});
    if (!flows) return base::invalid(file.path + ": " + flows.error().what);
    table.flows = *flows;
  }
  return {};
}

/// For each piece anew. Errors: a data plane runs.
base::Result<sys::UniqueFd> Flush::borrow_lock(const FlushTime& time) const {
  for (unsigned tries = 0; tries < kTriesForLock; ++tries) {
    sys::UniqueFd lock = shm::borrow_lock(workers_.path());
    if (lock.valid()) return lock;
    if (!time.nap(base::kMillisecond)) break;
  }
  const auto pid = shm::living_lock_holder(workers_.path());
  return base::fail(
      ErrorCode::kFailedPrecondition,
      folder_ + ": a data plane runs" + (pid ? " (pid " + std::to_string(*pid) + ")" : "") +
          " and writes its tables itself; ask the node, with flush flow and without a file"
  );
}

/// Control may publish meanwhile: a member's number may mean another backend then.
base::Result<void> Flush::follow_table() {
  const std::uint64_t known = bank_ ? bank_->table().generation() : 0;
  if (auto newer = shm::BankCopy::newer_than(known, steering_)) bank_ = std::move(newer);
  if (!bank_)
    return base::fail(
        ErrorCode::kUnavailable,
        steering_.path() + ": no table, so nobody knows whose flows these are"
    );
  if (bank_->table().generation() == known) return {};
  books_.table = bank_->table();
  const steer::Names names = steer::read_names(books_.table);
  order_.vip = order_.backend = FL_ANY;
  if (request_.vip) {
    FL_ASSIGN(order_.vip, vip_number(names, *request_.vip));
  }
  if (request_.backend) {
    FL_ASSIGN(order_.backend, backend_number(names, *request_.backend));
  }
  return {};
}

/// Forgets what is meant of the next bucket; false: there is no credit for it yet.
bool Flush::sweep(Table& table) {
  std::int64_t meant = 0;
  table.flows.erase_if(table.bucket, 1, [&](std::uint32_t member, flow::FlowState) {
    meant += path::is_meant(order_, bank_->table(), member) ? 1 : 0;
    return false;
  });
  if (meant != 0) {
    price_ = meant * kFlow;
    if (credit_ < price_) return false;
    books_.page = &workers_.at<fl_workers>(0)->worker[table.worker];
    const TableLock lock(*fl_sign_of(books_.page));
    std::uint64_t gone = 0;
    table.flows.erase_if(table.bucket, 1, [&](std::uint32_t member, flow::FlowState state) {
      if (!path::is_meant(order_, bank_->table(), member)) return false;
      path::note_ended(books_, {member, state}, FL_EVENT_FLUSHED);
      ++gone;
      return true;
    });
    books_.page->flows -= std::min(books_.page->flows, gone);
    credit_ -= static_cast<std::int64_t>(gone) * kFlow;
    table.flushed += gone;
  }
  ++table.bucket;
  return true;
}

void Flush::refill(base::Nanoseconds now) {
  const auto rate = static_cast<std::int64_t>(order_.per_second);
  const base::Nanoseconds since = refilled_ == 0 ? 0 : now - refilled_;
  const auto most = static_cast<std::int64_t>(kCatchUp) * rate;
  credit_ += static_cast<std::int64_t>(std::min(since, kCatchUp)) * rate;
  credit_ = std::min(credit_, std::max(price_, most));
  refilled_ = now;
}

/// True: all tables are through. Requires: the lock is held.
base::Result<bool> Flush::piece(base::Nanoseconds now) {
  for (const Table& table : tables_)
    if (table.region.replaced() || workers_.replaced())
      return base::fail(
          ErrorCode::kFailedPrecondition,
          table.region.path() + " was made anew meanwhile: ask again"
      );
  FL_TRY(follow_table());
  refill(now);
  const Undisturbed undisturbed;
  std::uint32_t looked_at = 0;
  for (Table& table : tables_)
    while (table.bucket < table.flows.bucket_count())
      if (++looked_at > kBucketsPerPiece || !sweep(table)) return false;
  return true;
}

base::Error Flush::with_count(base::Error error) const {
  std::uint64_t flushed = 0;
  for (const Table& table : tables_) flushed += table.flushed;
  if (flushed != 0) error.what += "; " + std::to_string(flushed) + " flows are forgotten already";
  return error;
}

nlohmann::json Flush::answer(bool complete) const {
  nlohmann::json workers = nlohmann::json::array();
  std::uint64_t flushed = 0;
  for (const Table& table : tables_) {
    workers.push_back(
        {{"worker", table.worker},
         {"buckets", table.flows.bucket_count()},
         {"buckets_passed", table.bucket},
         {"flushed", table.flushed}}
    );
    flushed += table.flushed;
  }
  return {
      {"flushed", flushed},
      {"flows_per_second", order_.per_second},
      {"complete", complete},
      {"workers", std::move(workers)}};
}

base::Result<nlohmann::json> Flush::run(const FlushTime& time) {
  for (;;) {
    {
      const auto lock = borrow_lock(time);
      if (!lock) return tl::unexpected<base::Error>(with_count(lock.error()));
      const auto done = piece(time.now());
      if (!done) return tl::unexpected<base::Error>(with_count(done.error()));
      if (*done) return answer(true);
    }
    if (!time.nap(kBetweenPieces)) return answer(false);
  }
}

}  // namespace

base::Result<nlohmann::json> flush_at_rest(
    const std::string& path, const nlohmann::json& arguments, const FlushTime& time
) {
  FL_ASSIGN(Request request, make_request("flush flow", arguments));
  if (!request.vip && !request.backend)
    return base::invalid("flush flow: say whose, give a vip or a backend");
  FL_ASSIGN(FlowFiles files, flow_files(path));
  Flush flush(std::move(request), files.folder);
  FL_TRY(flush.open(std::move(files.files)));
  return flush.run(time);
}

void open_forgotten_locks(fl_workers& workers, const std::string& path) {
  const auto is_closed = [](const fl_worker_page& page) {
    return __atomic_load_n(&fl_sign_of(&page)->lock, __ATOMIC_RELAXED) == FL_LOCK_TOOL;
  };
  if (std::none_of(std::begin(workers.worker), std::end(workers.worker), is_closed)) return;
  const sys::UniqueFd lock = shm::borrow_lock(path);
  if (!lock.valid()) return;  // it is at work
  for (fl_worker_page& page : workers.worker) {
    std::uint32_t before = FL_LOCK_TOOL;
    (void)__atomic_compare_exchange_n(
        &fl_sign_of(&page)->lock, &before, FL_LOCK_FREE, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED
    );
  }
}

}  // namespace fairlead::api
