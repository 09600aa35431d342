// SPDX-License-Identifier: BSD-3-Clause
// Who forwards, data plane or gate: each change told once, with its cause.
#pragma once

#include "control/node.hh"

namespace fairlead::control {

/// Tells when the data plane stops forwarding and when it forwards again (events of kind
/// dataplane, `down` and `up`), and keeps node.episode. Where there is a gate, "forwards" means
/// that every running worker owns its queue and gives signs of life; a takeover that is over
/// between two looks is told all the same. Main thread: call each turn.
class PlaneWatch {
 public:
  void tick(Node& node, base::Nanoseconds now);

  struct Look {
    bool served = false;            // by the data plane, all queues of its running workers
    bool given_back = false;        // no worker owns its queue any more
    bool stuck = false;             // a worker that owns its queue gives no sign
    bool ending = false;            // the thread of such a worker has ended
    std::uint32_t pid = 0;          // of the newest data plane; 0: there never was one
    base::Nanoseconds started = 0;  // when it was seen first
    std::uint64_t gone = 0;         // takeovers, as the gate counts them
    std::uint64_t stale = 0;
    std::uint64_t packets = 0;    // that the gate handled
    std::uint64_t received = 0;   // that data planes took from their sockets
    base::Nanoseconds since = 0;  // begin of the gate's newest ownership
  };

 private:
  void begin(Node& node, const Look& look, base::Nanoseconds now);
  void follow(Node& node, const Look& look, base::Nanoseconds now);
  void end(Node& node, const Look& look, base::Nanoseconds now);
  void tell_down(Node& node);
  void count_lost(Node& node, const Look& look);

  bool known_ = false;
  Look before_;
  base::Nanoseconds due_ = 0;
  bool told_ = false;              // that the episode began
  Look at_begin_;                  // the look before it
  std::uint64_t lost_before_ = 0;  // node.lost_in_socket at the episode's begin
  std::int64_t missing_ = 0;       // redirected and not received, at the last death of a data plane
};

/// "since 12:03:04 UTC (3.2 s): hung, pid 12; 5120 packets": while the gate forwards, else "".
std::string why_gate_forwards(const Node& node, base::Nanoseconds now);

}  // namespace fairlead::control
