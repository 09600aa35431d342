// SPDX-License-Identifier: BSD-3-Clause
// A list under a lock and an eventfd.
#include "control/inbox.hh"

#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace fairlead::control {

Inbox::Inbox() : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

void Inbox::post(Job job) {
  base::Error refused{base::ErrorCode::kResourceExhausted, "256 calls wait already, try again"};
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && jobs_.size() < kMost) {
      jobs_.push_back(std::move(job));
      const std::uint64_t one = 1;
      (void)!::write(wake_.get(), &one, sizeof one);
      return;
    }
    if (closed_) refused = {base::ErrorCode::kUnavailable, "fairlead-control ends"};
  }
  job(&refused);
}

std::vector<Inbox::Job> Inbox::take() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(jobs_, {});
}

void Inbox::run() {
  for (const Job& job : take()) job(nullptr);
}

void Inbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  const base::Error refused{base::ErrorCode::kUnavailable, "fairlead-control ends"};
  for (const Job& job : take()) job(&refused);
}

}  // namespace fairlead::control
