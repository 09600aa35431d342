// SPDX-License-Identifier: BSD-3-Clause
// `clear stats`: counters as they are shown begin anew, counters as they are kept do not.
#pragma once

#include <algorithm>
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
/// 0. A page that began anew meanwhile (its regions were removed and made again) is shown whole.
/// Empty until take(). One thread.
class StatsBaseline {
 public:
  struct Reason {
    std::uint64_t drops = 0;
    std::uint64_t punts = 0;
    std::uint64_t answers = 0;
  };

  /// What is shown of a vip in all.
  struct Vip {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t new_flows = 0;
    std::uint64_t dropped = 0;
  };

  void take(const fl_workers& workers, std::uint64_t lost_in_socket, base::Nanoseconds now);
  /// Of one vip or backend, by its number.
  void take_vip(const fl_workers& workers, std::uint32_t vip, base::Nanoseconds now);
  void take_backend(const fl_workers& workers, std::uint32_t backend, base::Nanoseconds now);
  /// When; 0: never. Of one: alone or with all.
  [[nodiscard]] base::Nanoseconds taken() const { return taken_; }
  [[nodiscard]] base::Nanoseconds vip_taken(std::uint32_t vip) const;
  [[nodiscard]] base::Nanoseconds backend_taken(std::uint32_t backend) const;

  /// As api::counters_of(), since then. `flows` is no counter: it stays.
  [[nodiscard]] std::vector<api::NamedCounter> worker(unsigned number, const fl_worker_page& page)
      const;
  [[nodiscard]] std::vector<api::NamedCounter> vip(
      unsigned number, const fl_worker_page& page, std::uint32_t vip
  ) const;
  [[nodiscard]] Vip vip_sum(const fl_workers& workers, std::uint32_t vip) const;
  /// As api::backend_sum(), since then; what is in flight and who ejects it is now.
  [[nodiscard]] api::BackendSum backend(const fl_workers& workers, std::uint32_t backend) const;
  [[nodiscard]] Reason reason(unsigned number, const fl_worker_page& page, unsigned reason) const;
  [[nodiscard]] std::uint64_t lost_in_socket(std::uint64_t now) const;

 private:
  using Counters = std::vector<api::NamedCounter>;
  /// Of a backend on one worker, what is a counter.
  struct Backend {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t flows_begun = 0;
    std::uint64_t flows_completed = 0;
  };
  struct Page {
    std::uint64_t bursts = 0;  // only rises while the page lives
    Counters counters;
    std::map<std::uint32_t, Counters> vips;     // those that had packets
    std::map<std::uint32_t, Backend> backends;  // the same
    std::array<Reason, FL_REASON_COUNT> reasons{};
  };
  template <typename What>
  static base::Nanoseconds latest(
      const std::map<std::uint32_t, What>& taken, std::uint32_t number, base::Nanoseconds all
  ) {
    const auto found = taken.find(number);
    return found == taken.end() ? all : std::max(all, found->second);
  }

  static Backend backend_of(const fl_worker_page& page, std::uint32_t backend);
  /// What was kept of this page; null: nothing that counts.
  [[nodiscard]] const Page* kept(unsigned number, const fl_worker_page& page) const;
  /// Where a baseline of one thing is kept: what was kept of a page that began anew is dropped.
  Page& renewed(unsigned number, const fl_worker_page& page);

  std::vector<Page> pages_;
  std::map<std::uint32_t, base::Nanoseconds> vips_taken_;
  std::map<std::uint32_t, base::Nanoseconds> backends_taken_;
  std::uint64_t lost_in_socket_ = 0;
  base::Nanoseconds taken_ = 0;
};

}  // namespace fairlead::control
