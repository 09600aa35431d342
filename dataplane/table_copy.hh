// SPDX-License-Identifier: BSD-3-Clause
// The main thread's own copy of the published table: names for logs, backends to resolve.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/net/addr.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::dataplane {

/// An L2 backend whose MAC nobody configured.
struct Unresolved {
  std::uint32_t backend = 0;
  net::IpAddr address;
};

/// Follows the published generation without acknowledging any, so it never holds control up: it
/// copies a bank and uses the copy only if its checksum proves it whole. Main thread only.
class TableCopy {
 public:
  /// Copies the newest generation if it is another one.
  void refresh(const shm::Region& steering);
  /// Whether the copy has changed since this was last asked.
  [[nodiscard]] bool take_news() { return std::exchange(news_, false); }

  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] const steer::Names& names() const { return names_; }
  [[nodiscard]] const std::vector<fl_vip>& vips() const { return vips_; }
  [[nodiscard]] const std::vector<Unresolved>& unresolved() const { return unresolved_; }
  /// No flow that has been idle for longer is kept, whatever its state; 0: no table yet.
  [[nodiscard]] base::Nanoseconds longest_idle() const { return longest_idle_; }

 private:
  void read(const steer::TableView& table);

  std::uint64_t generation_ = 0;
  steer::Names names_;
  std::vector<fl_vip> vips_;
  std::vector<Unresolved> unresolved_;
  base::Nanoseconds longest_idle_ = 0;
  bool news_ = false;
};

}  // namespace fairlead::dataplane
