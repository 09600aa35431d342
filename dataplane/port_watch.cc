// SPDX-License-Identifier: BSD-3-Clause
// Compares a port's counters of this second with those of the last.
#include "dataplane/port_watch.hh"

namespace fairlead::dataplane {

std::string PortWatch::look(const PortCounters& counters, base::Nanoseconds now) {
  const PortCounters before = last_;
  last_ = counters;
  if (first_) {
    first_ = false;
    return counters.link_up ? "" : "link down: nothing is received; look at cable and peer";
  }
  if (before.present && !counters.present) return "gone: the device or interface was removed";
  if (!before.present && counters.present) return "back again";
  if (before.link_up != counters.link_up) {
    ++link_changes_;
    return counters.link_up ? "link up" : "link down: nothing is received; look at cable and peer";
  }
  const auto lost = [](const PortCounters& c) { return c.missed + c.no_buffer; };
  missing_ = lost(counters) > lost(before) ? lost(counters) - lost(before) : 0;
  const bool receives = counters.rx_packets != before.rx_packets;
  still_ = missing_ != 0 && !receives ? still_ + 1 : 0;
  if (still_ == kStallSeconds) {
    ++stalls_;
    return "reception stalled: packets arrive and none is received; if it does not end, remove and "
           "add the port";
  }
  if (missing_ == 0 || (told_ != 0 && now - told_ < kRepeat)) return "";
  told_ = now;
  return "misses packets: " + std::to_string(missing_) +
         " in the last second; the workers are too slow for it, add one";
}

}  // namespace fairlead::dataplane
