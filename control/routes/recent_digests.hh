// SPDX-License-Identifier: BSD-3-Clause
// Which tables this node had a moment ago. Pure: time is a parameter.
#pragma once

#include <cstdint>
#include <map>

#include "dataplane/base/clock.hh"

namespace fairlead::routes {

/// What others told of themselves is up to two updates old. Weights may change with each update, so
/// it is held against all digests that this node had since: nodes that go the same way agree.
class RecentDigests {
 public:
  static constexpr base::Nanoseconds kMemory = 5 * base::kSecond;

  /// `digest` is in force now.
  void see(std::uint64_t digest, base::Nanoseconds now) {
    std::erase_if(seen_, [&](const auto& row) { return now >= row.second + kMemory; });
    seen_[digest] = now;
  }
  [[nodiscard]] bool had(std::uint64_t digest) const { return seen_.count(digest) != 0; }

 private:
  std::map<std::uint64_t, base::Nanoseconds> seen_;  // and when last
};

}  // namespace fairlead::routes
