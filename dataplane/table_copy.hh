// SPDX-License-Identifier: BSD-3-Clause
// The main thread's own copy of the published table: names for logs, backends to resolve.
#pragma once

#include <cstdint>
#include <vector>

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
  /// Copies the newest generation if it is another one. True when the copy changed.
  bool refresh(const shm::Region& steering);

  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] const steer::Names& names() const { return names_; }
  [[nodiscard]] const std::vector<fl_vip>& vips() const { return vips_; }
  [[nodiscard]] const std::vector<Unresolved>& unresolved() const { return unresolved_; }

 private:
  void read(const steer::TableView& table);

  std::uint64_t generation_ = 0;
  steer::Names names_;
  std::vector<fl_vip> vips_;
  std::vector<Unresolved> unresolved_;
};

}  // namespace fairlead::dataplane
