// SPDX-License-Identifier: BSD-3-Clause
// Preloaded into fairlead-control: a disk that takes FAIRLEAD_SYNC_MS for every fsync.
#include <cstdlib>
#include <ctime>

#include <unistd.h>

extern "C" int fsync(int) {
  const char* text = std::getenv("FAIRLEAD_SYNC_MS");  // NOLINT(concurrency-mt-unsafe)
  const long ms = text == nullptr ? 0 : std::atol(text);
  const timespec time{ms / 1000, ms % 1000 * 1'000'000};
  (void)::nanosleep(&time, nullptr);
  return 0;
}
