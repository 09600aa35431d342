// SPDX-License-Identifier: BSD-3-Clause
// Rise and fall: turns single probe results into a state that does not flutter. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace fairlead::health {

enum class State : std::uint8_t { kUnknown, kUp, kDown };

inline std::string_view to_string(State s) {
  return s == State::kUp ? "up" : s == State::kDown ? "down" : "unknown";
}

/// `rise` successes in a row make it up, `fall` failures in a row make it down; a result of the
/// other kind starts the count again (never cumulative: a backend that fails once an hour stays
/// up). The first result ever decides alone: nothing is known that could be protected.
class Dampener {
 public:
  Dampener(std::uint32_t rise, std::uint32_t fall, State initial = State::kUnknown)
      : rise_(rise), fall_(fall), state_(initial) {}

  /// Returns true when the state changed.
  bool on_result(bool success) {
    if (state_ == State::kUnknown) {
      state_ = success ? State::kUp : State::kDown;
      return true;
    }
    if (success == (state_ == State::kUp)) {
      streak_ = 0;
      return false;
    }
    if (++streak_ < (success ? rise_ : fall_)) return false;
    streak_ = 0;
    state_ = success ? State::kUp : State::kDown;
    ++flaps_;
    return true;
  }

  /// Reload: other limits, same state.
  void set_limits(std::uint32_t rise, std::uint32_t fall) {
    rise_ = rise;
    fall_ = fall;
  }

  [[nodiscard]] std::uint32_t rise() const { return rise_; }
  [[nodiscard]] State state() const { return state_; }
  /// Results against the state, in a row.
  [[nodiscard]] std::uint32_t streak() const { return streak_; }
  /// Changes of the state after the first.
  [[nodiscard]] std::uint64_t flaps() const { return flaps_; }

 private:
  std::uint32_t rise_;
  std::uint32_t fall_;
  State state_;
  std::uint32_t streak_ = 0;
  std::uint64_t flaps_ = 0;
};

/// Whether a pool must be used as if all its backends were up ("fail open"): fewer are healthy than
/// `min_healthy_pct` of them. 0 never fails open.
inline bool fails_open(std::size_t healthy, std::size_t all, std::uint32_t min_healthy_pct) {
  return all > 0 && healthy * 100 < all * min_healthy_pct;
}

}  // namespace fairlead::health
