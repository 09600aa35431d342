// SPDX-License-Identifier: BSD-3-Clause
// `clear stats`: counters as they are shown begin anew, counters as they are kept do not.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "control/api/counters.hh"
#include "dataplane/base/clock.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/steer/verdict.hh"

namespace fairlead::control {

/// What the workers had counted when an operator cleared the statistics; it is taken off what
/// `show stats` and `show drop` show. The pages are the workers' own, their law (rx = tx + punted +
/// answered + drops) is of all that ever came, and metrics must not go back: so nothing is set to
/// 0. Empty until take(). One thread.
class StatsBaseline {
 public:
  struct Reason {
    std::uint64_t drops = 0;
    std::uint64_t punts = 0;
    std::uint64_t answers = 0;
  };

  void take(const fl_workers& workers, std::uint64_t lost_in_socket, base::Nanoseconds now);
  /// When; 0: never.
  [[nodiscard]] base::Nanoseconds taken() const { return taken_; }

  /// As api::counters_of(), since then. `flows` is no counter: it stays.
  [[nodiscard]] std::vector<api::NamedCounter> worker(unsigned number, const fl_worker_page& page)
      const;
  [[nodiscard]] std::vector<api::NamedCounter> vip(
      unsigned number, const fl_worker_page& page, std::uint32_t vip
  ) const;
  [[nodiscard]] Reason reason(unsigned number, const fl_worker_page& page, unsigned reason) const;
  [[nodiscard]] std::uint64_t lost_in_socket(std::uint64_t now) const;

 private:
  using Counters = std::vector<api::NamedCounter>;
  struct Page {
    Counters counters;
    std::map<std::uint32_t, Counters> vips;  // those that had packets
    std::array<Reason, FL_REASON_COUNT> reasons{};
  };
  std::vector<Page> pages_;
  std::uint64_t lost_in_socket_ = 0;
  base::Nanoseconds taken_ = 0;
};

}  // namespace fairlead::control
