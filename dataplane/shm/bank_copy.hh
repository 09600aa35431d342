// SPDX-License-Identifier: BSD-3-Clause
// The published table for those who acknowledge no generation: copied, and proven after that.
#pragma once

#include <cstdlib>
#include <memory>
#include <optional>

#include "dataplane/shm/region.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::shm {

/// A bank in memory of its own. Who reads it never holds control up, and is never read from under.
class BankCopy {
 public:
  /// The newest generation of the region steering, if it is another than `known`. Nothing also
  /// where control wrote over it meanwhile: ask again.
  static std::optional<BankCopy> newer_than(std::uint64_t known, const Region& steering);

  [[nodiscard]] const steer::TableView& table() const { return table_; }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  steer::TableView table_;
};

}  // namespace fairlead::shm
