// SPDX-License-Identifier: BSD-3-Clause
// Follow, campaign, lead.
#include "control/etcd/election.hh"

#include <chrono>

namespace fairlead::etcd {

Election::Election(Client& client, Settings settings, Calls calls)
    : client_(client),
      settings_(std::move(settings)),
      calls_(std::move(calls)),
      thread_([this] { run(); }) {}

Election::~Election() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  thread_.join();
  if (state().leads) (void)client_.revoke(lease_);  // the next one need not wait
}

Election::State Election::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Election::set(const State& next) {
  bool tell = false;
  {
    const std::lock_guard lock(mutex_);
    tell = next.leads != state_.leads || next.term != state_.term || next.leader != state_.leader ||
           next.trouble != state_.trouble;
    state_ = next;
  }
  if (tell) calls_.changed(next);
}

void Election::set_trouble(const std::string& what) {
  State next = state();
  next.trouble = what;
  set(next);
}

/// False: to end.
bool Election::pause(base::Nanoseconds ns) {
  std::unique_lock lock(mutex_);
  return !stopping_.wait_for(lock, std::chrono::nanoseconds(ns), [this] { return stop_; });
}

void Election::run() {
  do {
    state().leads ? lead() : follow();
  } while (pause(state().leads ? settings_.renew : settings_.poll));
}

void Election::follow() {
  const auto found = client_.get(settings_.key);
  if (!found) return set_trouble(found.error().what);
  if (found->values.empty()) return campaign();
  const KeyValue& leader = found->values.front();
  set({false, leader.create_revision, leader.value, ""});
  // Our own value is that of the process before this one.
  dead_ = calls_.dead(leader.value) || is_silent(leader.lease) ? dead_ + 1 : 0;
  if (leader.value != settings_.value && dead_ < kSure) return;
  dead_ = 0;
  if (const auto taken = client_.revoke(leader.lease); !taken)
    return set_trouble(taken.error().what);
  campaign();
}

/// What is left is told in whole seconds, rounded down: so much and up to a second more.
bool Election::is_silent(std::int64_t lease) {
  const auto life = client_.life(lease);
  return life && life->left + base::kSecond + kSilent <= life->granted;
}

void Election::campaign() {
  const auto lease = client_.grant(settings_.ttl);
  if (!lease) return set_trouble(lease.error().what);
  const auto outcome = client_.commit(
      {{settings_.key, Guard::What::kCreateRevision, 0}},
      {{.key = settings_.key, .value = settings_.value, .lease = lease->id}}
  );
  if (!outcome) return set_trouble(outcome.error().what);
  if (!outcome->done) {
    (void)client_.revoke(lease->id);  // somebody was faster
    return;
  }
  lease_ = lease->id;
  set({true, outcome->revision, settings_.value, ""});
}

void Election::lead() {
  const auto kept = client_.keep_alive(lease_);
  if (!kept) return set_trouble(kept.error().what);
  State next = state();
  next.trouble.clear();
  if (kept->ttl == 0) next.leads = false;  // it had ended, or was taken from us
  set(next);
}

}  // namespace fairlead::etcd
