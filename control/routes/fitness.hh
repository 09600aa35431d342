// SPDX-License-Identifier: BSD-3-Clause
// Whether a node should take traffic, and why not. Pure: time is a parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "dataplane/base/clock.hh"

namespace fairlead::routes {

/// What is seen of the node at one moment.
struct Signs {
  bool has_state = false;   // it knows what its fleet decided, or nobody can tell it
  bool has_tables = false;  // a generation is published
  bool agrees = true;       // its tables are those of most other nodes, or nobody compares
  bool forwards = false;    // the data plane runs, or the gate stands in for it
  bool reaches = true;      // a backend is up, or none is probed
  double p99_us = 0;        // forwarding latency of the last second; 0: no packets
  bool withdrawn = false;   // an operator's will
  bool leaving = false;
  // For reasons that others could have too: a fleet must not go out one after the other.
  bool may_go = true;   // most others take traffic
  bool slowest = true;  // none of these is slower
};

/// Takes a node out slowly enough not to flap, and at once where packets would be lost.
class Fitness {
 public:
  struct Limits {
    base::Nanoseconds p99 = 0;                                   // 0: none
    base::Nanoseconds no_forwarding = 500 * base::kMillisecond;  // a restart of the data plane
    base::Nanoseconds disagreement = 10 * base::kSecond;
    base::Nanoseconds slow = 3 * base::kSecond;
    base::Nanoseconds good = 5 * base::kSecond;  // before it comes back
  };
  explicit Fitness(const Limits& limits) : limits_(limits) {}

  /// Control was started anew on a node that took traffic all the time: there is nothing to join,
  /// and a withdrawal would move connections.
  void go_on() { joined_ = true; }

  /// "": announce. Else why not: "joining: ...", "unfit: ...", "withdrawn by operator", "leaving".
  const std::string& judge(const Signs& signs, base::Nanoseconds now);

 private:
  /// How long a sign has been bad.
  struct Since {
    base::Nanoseconds at = 0;
    bool lasts(bool bad, base::Nanoseconds limit, base::Nanoseconds now) {
      if (!bad) at = 0;
      if (bad && at == 0) at = now;
      return bad && now >= at + limit;
    }
  };
  [[nodiscard]] std::string joining(const Signs& signs) const;
  std::string unfit(const Signs& signs, base::Nanoseconds now);

  const Limits limits_;
  bool joined_ = false;  // it was announced once
  std::string why_ = "joining: starts";
  Since idle_;
  Since differs_;
  Since slow_;
  base::Nanoseconds bad_ = 0;  // unfit when last looked at
};

}  // namespace fairlead::routes
