// SPDX-License-Identifier: BSD-3-Clause
// What flow tables know of a flow whose packet does not go through the state machine: another
// worker's table, and the own one for ICMP errors. One rule for all of them says what is still
// believed, and what may be copied.
#pragma once

#include <cstdint>

#include "dataplane/flow/flow_table.hh"
#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"

namespace fairlead::path {

/// An entry that its owner would still use: of the vip, and not idle beyond its limit.
struct KnownFlow {
  std::uint32_t member = FL_NO_MEMBER;  // FL_NO_MEMBER: no entry
  flow::FlowState state = flow::FlowState::kEmpty;
  flow::Tick idle = 0;
  std::uint32_t worker = 0;  // whose table has it
  /// By an order (FlowFlush) that its owner has yet to carry out there. Until then packets follow
  /// the entry, so the order keeps to its rate; but a copy of it, behind the own sweep, would
  /// survive the order.
  bool to_be_forgotten = false;

  [[nodiscard]] bool exists() const { return member != FL_NO_MEMBER; }
  /// The flow's packets ask others too (Burst::seeking).
  [[nodiscard]] bool is_guess() const { return !flow::is_open(state); }
};

/// What this worker's own table knows of flow `hash` of a vip. Changes nothing.
[[nodiscard]] KnownFlow known_here(
    const WorkerContext& context, const fl_vip& vip, std::uint64_t hash
);
/// What context.relatives.tables[worker] knows, whose owner may be writing. Changes nothing.
[[nodiscard]] KnownFlow known_by(
    const WorkerContext& context, const fl_vip& vip, std::uint64_t hash, std::uint32_t worker
);

/// Makes another worker's entry the own one: it is counted here from now on, and its owner told.
/// kNoPosition: no room, or it is to be forgotten; the next packet finds it where it is.
flow::Position take_over(
    WorkerContext& context, const Burst& burst, unsigned i, const KnownFlow& known
);

}  // namespace fairlead::path
