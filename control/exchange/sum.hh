// SPDX-License-Identifier: BSD-3-Clause
// What a monitor knows of the counts in flight: every node's last, and their sum. Pure: time is a
// parameter.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "control/exchange/wire.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::exchange {

/// Counts are added up by backend, whatever list a node has it in: nodes in the middle of a change
/// of configuration still know of each other. One thread.
class Sum {
 public:
  explicit Sum(const Key& key) : key_(key) {}

  /// A node that was silent so long is gone, and its counts with it.
  static constexpr base::Nanoseconds kSilent = base::kSecond;
  static constexpr std::size_t kMostNodes = 256;

  /// Takes a datagram in. Null: nothing to answer; else the answer, valid until the next call.
  const Datagram* take(const Datagram& datagram, base::Nanoseconds now);
  /// Forgets silent nodes; call now and then.
  void expire(base::Nanoseconds now);

  /// In flight at a backend through all nodes.
  [[nodiscard]] std::uint64_t total(std::uint64_t backend) const;
  [[nodiscard]] std::size_t nodes() const { return nodes_.size(); }
  [[nodiscard]] std::size_t lists() const { return lists_.size(); }
  [[nodiscard]] std::uint64_t old() const { return old_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  struct List {
    std::vector<std::uint32_t> places;  // in totals_, by position
    base::Nanoseconds used = 0;
  };
  struct Unfinished {  // a list whose names are not all here
    std::vector<std::uint64_t> names;
    std::vector<bool> known;
    std::size_t missing = 0;
    base::Nanoseconds begun = 0;
  };
  struct Node {
    std::uint64_t list = 0;
    std::vector<std::uint32_t> counts;
    std::vector<std::uint64_t> sequences;  // by part of kMostValues
    base::Nanoseconds heard = 0;
  };

  const Datagram* take_counts(const Datagram& d, base::Nanoseconds now);
  void take_names(const Datagram& d, base::Nanoseconds now);
  void finish(std::uint64_t digest, const std::vector<std::uint64_t>& names, base::Nanoseconds now);
  void remove_counts(Node& node);
  void drop_unused(base::Nanoseconds now);

  Key key_;
  std::unordered_map<std::uint64_t, std::uint32_t> places_;  // of backends in totals_
  std::vector<std::uint64_t> totals_;
  std::unordered_map<std::uint64_t, List> lists_;
  std::unordered_map<std::uint64_t, Unfinished> unfinished_;
  std::unordered_map<std::uint64_t, Node> nodes_;
  Datagram answer_;
  std::uint64_t old_ = 0;      // datagrams overtaken by newer ones, or sent again
  std::uint64_t refused_ = 0;  // lists that are not what their digest says, nodes without end
};

}  // namespace fairlead::exchange
