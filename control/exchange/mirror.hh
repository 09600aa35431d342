// SPDX-License-Identifier: BSD-3-Clause
// What a node knows of the counts in flight on the others: which monitor it listens to, how old the
// counts are. Pure: time is a parameter.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "control/exchange/wire.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::exchange {

/// One round every interval: the node's counts go to every monitor, and the one in use answers with
/// the sum of the others'. The rest answer now and then, so that each is known to live. One thread.
class Mirror {
 public:
  struct Settings {
    std::uint64_t node = 0;            // identity
    std::uint64_t first_sequence = 0;  // above all that this node ever sent: microseconds of 1970
    std::size_t monitors = 1;
    base::Nanoseconds interval = 0;
  };
  Mirror(const Key& key, const Settings& settings);

  /// Another list of backends; what was heard about the old one is void. At most kMostBackends.
  void set_list(std::vector<std::uint64_t> names);
  [[nodiscard]] std::size_t length() const { return names_.size(); }

  /// Begins a round. Counts by position in the list. The datagrams go to each monitor of `to`.
  struct Out {
    std::vector<Datagram> parts;
    std::vector<bool> wants;  // by monitor: whether it should answer
  };
  const Out& begin_round(std::span<const std::uint32_t> counts, base::Nanoseconds now);
  /// Takes an answer in. True: the monitor wants the names (name_parts()).
  bool take(std::size_t monitor, const Datagram& answer, base::Nanoseconds now);
  [[nodiscard]] std::vector<Datagram> name_parts() const;

  /// By position, what is in flight through others. Empty: counts are stale, or there are none.
  [[nodiscard]] std::span<const std::uint32_t> others(base::Nanoseconds now) const;
  /// Whether they are young enough for scores (worth.hh): a round's counts are used for an
  /// interval, others' are up to an interval older, and then they are on the way.
  [[nodiscard]] bool worth_using(base::Nanoseconds now) const;
  /// Nodes in the sum in use, this one too; 0: nothing heard.
  [[nodiscard]] unsigned nodes(base::Nanoseconds now) const;
  /// Older than this, counts are no longer used.
  [[nodiscard]] base::Nanoseconds stale_after() const;

  struct State {
    bool fresh = false;
    bool worth_using = false;
    std::size_t in_use = 0;          // monitor
    unsigned nodes = 0;              // in the sum, this one too
    base::Nanoseconds age = 0;       // of the oldest count in use; 0: nothing heard yet
    std::uint64_t rounds = 0;        // begun
    std::uint64_t answers = 0;       // taken, all monitors
    base::Nanoseconds loop_p50 = 0;  // from a round's begin to its answer, the last kSamples
    base::Nanoseconds loop_p99 = 0;
  };
  [[nodiscard]] State state(base::Nanoseconds now) const;

  static constexpr std::size_t kSamples = 1024;
  static constexpr unsigned kMissed = 4;       // rounds without an answer: the next monitor is used
  static constexpr unsigned kNowAndThen = 16;  // rounds between answers of monitors not in use

 private:
  struct Peer {
    std::vector<std::uint32_t> others;
    std::vector<base::Nanoseconds> heard;  // by part; 0: never
    unsigned nodes = 0;
  };
  [[nodiscard]] base::Nanoseconds oldest(const Peer& peer) const;
  [[nodiscard]] std::size_t choose(base::Nanoseconds now) const;
  [[nodiscard]] std::size_t parts() const {
    return (names_.size() + kMostValues - 1) / kMostValues;
  }

  Key key_;
  Settings settings_;
  std::vector<std::uint64_t> names_;
  std::uint64_t digest_ = 0;
  std::uint64_t sequence_;
  std::vector<Peer> peers_;
  Out out_;
  std::array<base::Nanoseconds, 64> begun_{};  // of the last rounds, by sequence
  std::vector<base::Nanoseconds> loops_;
  std::size_t loops_next_ = 0;
  base::Nanoseconds usual_loop_ = 0;  // moving average of some 16
  std::uint64_t rounds_ = 0;
  std::uint64_t answers_ = 0;
};

}  // namespace fairlead::exchange
