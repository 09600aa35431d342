// SPDX-License-Identifier: BSD-3-Clause
// A steering table straight from a configuration: all backends healthy, weights as configured.
#pragma once

#include <cstdint>
#include <optional>

#include "control/config/config.hh"
#include "dataplane/base/result.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::dataplane {

/// Owns a bank and the view of it.
class StaticTable {
 public:
  /// `new_flow_limit`: unset: as configured; 0: none.
  static base::Result<StaticTable> build(
      const config::Config& config, std::optional<std::uint32_t> new_flow_limit = std::nullopt
  );
  [[nodiscard]] const steer::TableView& view() const { return view_; }

 private:
  shm::Region memory_;
  steer::TableView view_;
};

}  // namespace fairlead::dataplane
