// SPDX-License-Identifier: BSD-3-Clause
// The packets behind the places of a WaitingRoom, and how they are run again.
#pragma once

#include <array>
#include <span>
#include <utility>

#include "dataplane/path/aside.hh"

namespace fairlead::path {

/// `Packet`: whatever the process holds a received packet by. Worker thread only.
template <typename Packet>
class WaitingPackets {
 public:
  /// After run_pipeline(), of a packet with verdict kWait. `place`: burst.member[i].
  void keep(unsigned place, Packet packet) { packet_[place] = std::move(packet); }

  /// Calls run(std::span<Packet>, fl_reason last_call) with at most kBurstPackets packets that need
  /// wait no longer, until there are none. `run` counts them as received, sets burst.last_call and
  /// runs the pipeline; none of them will wait again. After every run, and when a worker is idle.
  template <typename Run>
  void run_again(WorkerContext& context, const Run& run) {
    if (context.fragments->waiting.empty()) [[likely]]
      return;
    look_at_peers(context);
    run_again(context, WaitingRoom::Cause::kSettled, FL_REASON_FRAGMENT, run);
    run_again(context, WaitingRoom::Cause::kCrowded, FL_REASON_FRAGMENT_EARLY, run);
  }

 private:
  template <typename Run>
  void run_again(
      WorkerContext& context, WaitingRoom::Cause cause, fl_reason last_call, const Run& run
  ) {
    for (;;) {
      std::array<Packet, kBurstPackets> packets{};
      unsigned count = 0;
      while (count < kBurstPackets) {
        const unsigned place = context.fragments->waiting.take(cause, context.now);
        if (place == WaitingRoom::kNowhere) break;
        packets[count++] = std::exchange(packet_[place], Packet{});
      }
      if (count == 0) return;
      run(std::span(packets.data(), count), last_call);
    }
  }

  static_assert(WaitingRoom::kPlaces >= WaitingRoom::kSeats + kPacketsInTurn);
  std::array<Packet, WaitingRoom::kPlaces> packet_{};
};

}  // namespace fairlead::path
