// SPDX-License-Identifier: BSD-3-Clause
// Waiting for what other threads and processes do.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace fairlead::testing {

/// Polls until `condition` holds, a hundred times a second for ten seconds at most.
inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace fairlead::testing
