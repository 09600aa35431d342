// SPDX-License-Identifier: BSD-3-Clause
// Workers that keep an old generation's bank: who, since when, and what waits for them.
#pragma once

#include "control/node.hh"
#include "control/show.hh"

namespace fairlead::control {

/// Keeps node.held_back, and tells by event when a worker has kept an old generation for a second,
/// when it has let go, and when a change has to wait because every bank is kept. Main thread: call
/// each turn.
class HeldBackWatch {
 public:
  void tick(Node& node, base::Nanoseconds now);

 private:
  base::Nanoseconds due_ = 0;
  bool waits_ = false;
};

/// "worker 0 (pid 12) keeps generation 5 for 6.1 s" for each; "": nobody does for long.
std::string who_holds_back(const Node& node, base::Nanoseconds now);

/// Into the answer to a command: `generation`, the lowest number of one in which it holds, and
/// `waits`, why not at once. The change is published within milliseconds.
void say_from_when(Node& node, bool changed, base::Nanoseconds now, Json& out);

}  // namespace fairlead::control
