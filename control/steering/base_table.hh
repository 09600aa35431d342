// SPDX-License-Identifier: BSD-3-Clause
// A vip's base layer as a fleet shares it: by names, so that a node takes it whatever its own
// numbers and history are. Who stores it and why: docs/fleet.md, "One base".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/model.hh"
#include "control/steering/keyed_hash.hh"
#include "control/steering/maglev.hh"
#include "dataplane/base/result.hh"

namespace fairlead::steering {

/// What a base is made for: a pool's backends by rising id, and their configured weights.
struct BaseShape {
  std::vector<std::string_view> ids;
  std::vector<std::uint32_t> weights;
  std::uint32_t fixed_size = 0;  // configured table_size; 0: it follows from the backends
};
/// `vip` outlives it.
BaseShape base_shape(const model::Vip& vip);

struct BaseTable {
  std::vector<std::string> ids;  // rising
  std::vector<std::uint32_t> weights;
  std::uint32_t size = 0;
  std::vector<std::uint32_t> owners;  // positions in `ids`, one a slot; none: all weights are 0

  /// Whether it is the base of exactly this pool.
  [[nodiscard]] bool fits(const BaseShape& shape) const;
  friend bool operator==(const BaseTable&, const BaseTable&) = default;
};
using SharedBase = std::shared_ptr<const BaseTable>;

/// The size of a table after one of `before` slots (0: there is none): a vip keeps a larger table
/// than it needs, because a new size moves every slot.
std::uint32_t next_table_size(std::uint32_t fixed, std::size_t backends, std::uint32_t before);

/// The base of `shape` after `before` (null: from nothing), as next_layers() derives it on a node.
/// Pure. Errors: those of build_table().
base::Result<BaseTable> next_base(
    const BaseTable* before, const BaseShape& shape, const HashKey& key
);

/// For a store. Slots take as many bits as the number of backends needs: 10 backends and 8191
/// slots are 4 KB, 1000 and 131101 are 177 KB.
///   "1 SIZE BACKENDS SLOTS\n", per backend "WEIGHT ID\n", positions of owners, lowest bit first
std::string to_bytes(const BaseTable& base);
/// Errors: kDataLoss, it is not what to_bytes() wrote.
base::Result<BaseTable> base_from_bytes(std::string_view bytes);

}  // namespace fairlead::steering
