// SPDX-License-Identifier: BSD-3-Clause
// What operators, checks and agents say of the members of each pool, by position. Where a member
// stands in whose book is looked up when the configuration changes; what operators decided is few
// things, and brought here in each turn. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/health/checks.hh"
#include "control/monitor/intake.hh"
#include "control/operator_state.hh"
#include "control/pool_index.hh"

namespace fairlead::control {

/// A vip's pool, by position in its configuration.
struct PoolRow {
  std::vector<std::optional<std::uint32_t>> checks;  // slots of Checks; nullopt: not in the book
  std::vector<std::uint32_t> base_weight;            // the operator's, else the configured one
  std::vector<std::uint8_t> is_held;                 // by any hold
  std::vector<HeldAs> held;
  std::vector<std::uint32_t> removed;  // positions, rising
  bool disabled = false;               // the vip: its members drain
};

/// Owned by control's main thread.
class PoolRows {
 public:
  /// After each change of the configuration, and of the book of checks after it.
  void configure(const std::vector<model::Vip>& vips, const health::Checks& checks);
  /// Before each use. Cost: that of what operators decided, and a look-up for each backend.
  void renew(const OperatorState& operators, const monitor::Intake& intake);

  [[nodiscard]] const PoolIndex& index() const { return index_; }
  /// By vip, as the index has them.
  [[nodiscard]] const PoolRow& row(std::size_t vip) const { return rows_[vip]; }
  /// Its agent said goodbye.
  [[nodiscard]] bool has_left(std::size_t vip, std::size_t position) const {
    return left_[index_.pools()[vip]->backends[position]] != 0;
  }
  /// Rises with each configure(): positions and slots of before mean nothing any more.
  [[nodiscard]] std::uint64_t edition() const { return edition_; }

 private:
  void forget_operators();

  PoolIndex index_;
  std::vector<PoolRow> rows_;
  std::vector<std::uint8_t> left_;  // by backend
  struct Own {
    PoolIndex::Place place;
    std::uint32_t configured = 0;
  };
  std::vector<Own> weighed_;            // whose weight is an operator's
  std::vector<PoolIndex::Place> held_;  // who is held
  std::uint64_t edition_ = 0;
};

}  // namespace fairlead::control
