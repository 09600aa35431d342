// SPDX-License-Identifier: BSD-3-Clause
// List, watch, and again.
#include "control/etcd/copy.hh"

#include <chrono>

namespace fairlead::etcd {
namespace {

constexpr std::chrono::milliseconds kAgain{250};

bool same(const Copy::Values& a, const Copy::Values& b) {
  if (a.size() != b.size()) return false;
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
    if (i->first != j->first || i->second.mod_revision != j->second.mod_revision) return false;
  }
  return true;
}

}  // namespace

Copy::Copy(Client& client, std::string prefix, Calls calls)
    : client_(client),
      prefix_(std::move(prefix)),
      calls_(std::move(calls)),
      thread_([this] { run(); }) {}

Copy::~Copy() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (watch_ != nullptr) watch_->cancel();
  }
  stopping_.notify_all();
  thread_.join();
}

Copy::State Copy::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool Copy::stopped() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

void Copy::run() {
  while (!stopped()) {
    const auto ended = follow();
    std::unique_lock lock(mutex_);
    state_.following = false;
    if (!ended) state_.trouble = ended.error().what;
    if (stopping_.wait_for(lock, kAgain, [this] { return stop_; })) return;
  }
}

/// Until the watch ends; always an error.
base::Result<bool> Copy::follow() {
  FL_ASSIGN(const Range now, client_.list(prefix_));
  Values fresh;
  for (const KeyValue& kv : now.values) fresh.emplace(kv.key, kv);
  const bool first = state().revision == 0;
  const bool changed = first || !same(values_, fresh);
  values_ = std::move(fresh);
  FL_ASSIGN(const auto watch, client_.watch(prefix_, now.revision + 1));
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return true;
    watch_ = watch.get();
    state_ = {true, now.revision, state_.lists + 1, ""};
  }
  if (changed) calls_.changed(values_, now.revision);
  for (;;) {
    auto batch = watch->next();
    {
      const std::lock_guard lock(mutex_);
      if (!batch) {
        watch_ = nullptr;
        return tl::unexpected(std::move(batch.error()));
      }
      state_.revision = batch->revision;
    }
    apply(*batch);
  }
}

void Copy::apply(const Client::Watch::Batch& batch) {
  for (const auto& change : batch.changes) {
    if (change.removed) {
      values_.erase(change.value.key);
    } else {
      values_[change.value.key] = change.value;
    }
  }
  calls_.changed(values_, batch.revision);
}

}  // namespace fairlead::etcd
