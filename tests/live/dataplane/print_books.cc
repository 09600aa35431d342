// SPDX-License-Identifier: BSD-3-Clause
// print_books RUNTIME_DIR: the terms of the conservation law from worker 0's page, and the drops by
// reason, as JSON, for tests of the data plane alone. The layout is the header's, whether the
// region is a file or a map.
#include <cinttypes>
#include <cstdio>
#include <numeric>
#include <string>

#include "dataplane/shm/region.hh"
#include "dataplane/steer/verdict.hh"

int main(int argc, char** argv) {
  using namespace fairlead;
  if (argc != 2) return 2;
  const auto region =
      shm::Region::attach(std::string(argv[1]) + "/workers", FL_REGION_WORKERS, shm::Access::kRead);
  if (!region) {
    std::fprintf(stderr, "print_books: %s\n", region.error().what.c_str());
    return 1;
  }
  const auto& page = reinterpret_cast<const fl_workers*>(region->data())->worker[0];
  const std::uint64_t dropped =
      std::accumulate(std::begin(page.drops), std::end(page.drops), std::uint64_t{0});
  std::printf(
      "{\"rx\": %" PRIu64 ", \"tx\": %" PRIu64 ", \"punted\": %" PRIu64 ", \"answered\": %" PRIu64
      ", \"dropped\": %" PRIu64,
      page.rx_packets,
      page.tx_packets,
      page.punted,
      page.answered,
      dropped
  );
  for (unsigned r = 0; r < std::size(page.drops); ++r)
    if (page.drops[r] != 0)
      std::printf(
          ", \"%s\": %" PRIu64,
          std::string(steer::reason_name(static_cast<fl_reason>(r))).c_str(),
          page.drops[r]
      );
  std::printf("}\n");
  return 0;
}
