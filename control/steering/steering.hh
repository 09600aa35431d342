// SPDX-License-Identifier: BSD-3-Clause
// From pools and weights to a bank: stable numbers, planned tables, the bytes workers read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/model/model.hh"
#include "control/steering/keyed_hash.hh"
#include "control/steering/maglev.hh"
#include "control/steering/pool_table.hh"
#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/steer/table_view.hh"

namespace fairlead::steering {

/// What a pool should look like for one backend, after health, drain and policy.
struct BackendIntent {
  std::uint32_t weight = 0;                  // effective, 0..kMaxWeight
  std::uint32_t inverse_weight = 0;          // see fl_score; 0: from `weight`
  std::uint32_t parallel = 0;                // see fl_member_parallel(); 0: unknown
  fl_member_state state = FL_MEMBER_ACTIVE;  // active, draining or down; only active owns slots
};

/// A vip and, parallel to vip.backends, what its backends should be.
struct PoolIntent {
  model::Vip vip;
  std::vector<BackendIntent> backends;
  SharedBase base = {};  // that the fleet has stored for the vip; null: none
  // Not 0: pools of this number have equal `vip`s, so that a plan after one with the same numbers
  // need not look at names again. 0: not known.
  std::uint64_t edition = 0;
  // Not 0: pools of one plan with this number have equal `backends`. 0: not known.
  std::uint64_t numbers = 0;
  bool only_node = false;  // FL_VIP_ONLY_NODE
};

/// What belongs to the node and the fleet rather than to a pool.
struct NodeIntent {
  HashKey hash_key{};
  std::optional<net::IpAddr> address4;
  std::optional<net::IpAddr> address6;
  model::Outgoing outgoing;
  std::uint32_t new_flow_limit = 125000;  // per second and worker
  std::uint32_t idle_new_ms = 10'000;
  std::uint32_t idle_confirmed_ms = 300'000;
  std::uint32_t idle_closing_ms = 5'000;
  std::uint32_t idle_reset_ms = 3'000;
  std::uint32_t idle_adopted_ms = 10'000;
  std::uint32_t idle_udp_ms = 60'000;
  std::uint32_t idle_udp_new_ms = 10'000;
};

/// One backend's row of a planned pool.
struct PlannedBackend {
  std::uint32_t member = 0;   // number in the bank
  std::uint32_t backend = 0;  // stable backend number
  std::uint32_t weight = 0;   // as in the table: 0 unless active
  std::uint32_t slots = 0;
  std::uint32_t slots_before = 0;
};

struct PlannedPool {
  std::string name;
  std::uint32_t vip = 0;          // stable vip number
  std::uint32_t table_size = 0;   // 0: nobody to send to
  std::uint32_t slots_moved = 0;  // owner changed; all of them when the size changed
  SharedNumbers slots_before;     // of each backend, by position in the table
};

/// What plans say of a member; the rest of its record stays until a pool changes its members.
struct MemberNumbers {
  std::uint32_t weight = 0;  // as in the table: 0 unless active
  std::uint32_t inverse_weight = 0;
  std::uint16_t parallel = 0;  // at most 255
  std::uint16_t state = FL_MEMBER_FREE;
  friend bool operator==(const MemberNumbers&, const MemberNumbers&) = default;
};

/// Numbers of members, by position in a table.
using PoolMembers = SharedNumbers;

/// A finished plan: nothing is changed until it is encoded, published and committed.
struct Plan {
  std::vector<PlannedPool> pools;
  std::uint64_t digest = 0;   // equal on nodes that agree on vips, members and slots
  std::uint64_t content = 0;  // checksum of all that the bank says but its generation and time
  bool changed = true;        // false: the bank would say what the committed one says

  // What the bank is made of; for encode() and commit().
  NodeIntent node;
  std::vector<fl_vip> vips;                       // by rising vip number; lines are set by encode()
  std::vector<SharedTable> tables;                // per entry of vips; equal pools have the same
  std::vector<PoolMembers> pools_members;         // per entry of vips
  std::vector<std::vector<fl_quic_server>> quic;  // per entry of vips: index of server ids
  std::shared_ptr<const std::vector<MemberNumbers>> members;  // by number
  /// The whole record of a member.
  [[nodiscard]] fl_member member(std::uint32_t number) const;
  /// Of an entry of pools, in the order of its intent. Made when somebody asks.
  [[nodiscard]] std::vector<PlannedBackend> backends(std::size_t pool) const;
  struct Numbers;
  std::shared_ptr<const Numbers> numbers;  // numbering after the plan
};

/// Remembers the committed numbering and tables. One thread (control's main loop). Time is a
/// parameter: numbers of what has left are given out again only after every flow that
/// could name them has timed out.
class Steering {
 public:
  Steering();
  ~Steering();
  Steering(Steering&&) noexcept;
  Steering& operator=(Steering&&) noexcept;

  /// Goes on from a published bank (restart of control): numbers, tables and names are taken over;
  /// free numbers count as freed `now`. Errors: the bank has members without a name.
  static base::Result<Steering> restore(const steer::TableView& table, base::Nanoseconds now);

  /// The next generation, without side effects. Errors (all name the object): duplicate names or
  /// destinations, weights above 10000, unknown table size, more vips, backends, members or shapes
  /// than the layout has, mixed-up lists.
  [[nodiscard]] base::Result<Plan> plan(
      const std::vector<PoolIntent>& pools, const NodeIntent& node, base::Nanoseconds now
  ) const;

  /// Makes a published plan the base of the next one.
  void commit(const Plan& plan);

  /// Stable number of a name now in use, for counters and scores.
  [[nodiscard]] std::optional<std::uint32_t> vip_number(const std::string& name) const;
  [[nodiscard]] std::optional<std::uint32_t> backend_number(const std::string& id) const;

 private:
  std::shared_ptr<const Plan::Numbers> numbers_;
  std::uint64_t content_ = 0;  // Plan::content of the committed plan
};

/// Writes a bank: `bank` from GenerationWriter::next_bank(). Error kResourceExhausted, with the
/// sizes, when it does not fit; the bank is then untouched.
base::Result<std::size_t> encode(
    const Plan& plan,
    std::uint64_t generation,
    base::Nanoseconds built_ns,
    std::span<std::byte> bank
);

}  // namespace fairlead::steering
