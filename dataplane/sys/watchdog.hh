// SPDX-License-Identifier: BSD-3-Clause
// What systemd wants to hear of a service (sd_notify(3)): that it is ready, and that it lives.
#pragma once

#include <string>

#include "dataplane/base/clock.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::sys {

/// One thread. Nothing happens where the environment names no socket ($NOTIFY_SOCKET), as when a
/// program is started by hand. Sending does not block; what is lost is sent again.
class Watchdog {
 public:
  /// Reads the environment, which then belongs to no child any more.
  Watchdog();
  Watchdog(std::string socket, base::Nanoseconds patience);

  void ready();
  /// From the loop that must not hang, at each turn; sends four times in the time that systemd
  /// waits.
  void alive(base::Nanoseconds now);
  /// A loop that sleeps longer is held for dead; 0: nobody watches.
  [[nodiscard]] base::Nanoseconds patience() const { return patience_; }

 private:
  void send(const char* text);

  std::string socket_;  // path, "@" first: abstract
  base::Nanoseconds patience_ = 0;
  base::Nanoseconds due_ = 0;
  UniqueFd fd_;
};

}  // namespace fairlead::sys
