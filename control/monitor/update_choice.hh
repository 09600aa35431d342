// SPDX-License-Identifier: BSD-3-Clause
// Which monitor's updates a node takes. Pure: time is a parameter.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/clock.hh"

namespace fairlead::monitor {

/// A node hears several monitors. Of two leaders the one with the newer lease counts (its term is a
/// revision of etcd, which only rises), so one that was cut off and does not know it changes
/// nothing. Where there is no election (term 0) the node stays with a monitor until that is silent.
class UpdateChoice {
 public:
  enum class Verdict : std::uint8_t {
    kTaken,
    kOtherMonitor,  // the one in use lives
    kOldTerm,       // of a leader that is none any more
    kOldSequence,   // sent again, or overtaken
  };

  /// `silent_after`: without an update for so long, another monitor of the same term is taken.
  explicit UpdateChoice(base::Nanoseconds silent_after) : silent_after_(silent_after) {}

  Verdict judge(
      std::size_t monitor, std::uint64_t term, std::uint64_t sequence, base::Nanoseconds now
  ) {
    if (term < term_) return Verdict::kOldTerm;
    const bool silent = last_ == 0 || now >= last_ + silent_after_;
    if (term == term_ && monitor != monitor_ && !silent) return Verdict::kOtherMonitor;
    // A monitor that was started again counts anew: believed when it had been silent.
    if (term == term_ && monitor == monitor_ && sequence <= sequence_ && !silent)
      return Verdict::kOldSequence;
    term_ = term;
    monitor_ = monitor;
    sequence_ = sequence;
    last_ = now;
    return Verdict::kTaken;
  }

  void set_silent_after(base::Nanoseconds ns) { silent_after_ = ns; }
  [[nodiscard]] std::uint64_t term() const { return term_; }
  [[nodiscard]] std::size_t monitor() const { return monitor_; }
  [[nodiscard]] base::Nanoseconds last() const { return last_; }  // 0: none was taken yet
  [[nodiscard]] bool silent(base::Nanoseconds now) const {
    return last_ == 0 || now >= last_ + silent_after_;
  }

 private:
  base::Nanoseconds silent_after_;
  std::uint64_t term_ = 0;
  std::size_t monitor_ = 0;
  std::uint64_t sequence_ = 0;
  base::Nanoseconds last_ = 0;
};

}  // namespace fairlead::monitor
