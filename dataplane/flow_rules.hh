// SPDX-License-Identifier: BSD-3-Clause
// Rules in a port's hardware (rte_flow) that bring each vip's packets to the workers' queues.
//
// Nothing here is needed to forward: without rules RSS spreads all packets and the classify stage
// finds the vip. Rules help where a device would spread vip traffic badly (tunnels, types that its
// RSS does not hash). So they are negotiated, all or nothing for a port, and any failure ends in
// RSS, with one line in the log.
//
// Portable minimum: {eth, ipv4|ipv6 dst, tcp|udp [dst port]} -> {RSS} or, for one queue, {QUEUE};
// MARK with the vip's number and COUNT where the device takes them. A rule that would send a vip to
// one queue of several is never made: it is how other balancers put all traffic on one core.
// The mark is not used to classify: see docs/dataplane-process.md, "Rules".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <rte_flow.h>

#include "dataplane/rss.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::dataplane {

/// What a rule matches, and the number it marks packets with.
struct VipMatch {
  std::uint8_t family = 4;
  std::uint8_t prefix_len = 32;
  std::uint8_t protocol = 6;               // 6 TCP, 17 UDP
  std::uint16_t port = 0;                  // network order; 0: any
  std::array<std::uint8_t, 16> address{};  // network order, masked
  std::uint32_t vip = 0;
  friend bool operator==(const VipMatch&, const VipMatch&) = default;
};
VipMatch match_of(const fl_vip& vip);

/// The rules of one device. Main thread only: creating a rule may sleep in the driver.
class FlowRules {
 public:
  FlowRules() = default;
  FlowRules(std::uint16_t ethdev, RssPlan rss) : ethdev_(ethdev), rss_(std::move(rss)) {}
  FlowRules(const FlowRules&) = delete;
  FlowRules& operator=(const FlowRules&) = delete;
  ~FlowRules() { clear(); }

  /// Makes the device's rules those of `vips` onto `queues`; rules that stay are not touched. After
  /// a failure there are none, and why() says which call failed; the next change tries again.
  /// Whatever happens, RSS is looked at afterwards and set again where the device lost it, with
  /// `table` as its indirection table (empty: it has none). True if packets may come to other
  /// queues than before.
  bool follow(
      const std::vector<VipMatch>& vips,
      const std::vector<std::uint16_t>& queues,
      const std::vector<unsigned>& table = {}
  );
  /// Removes all.
  void clear();

  /// Rules in the device now.
  [[nodiscard]] std::size_t count() const { return made_.size(); }
  /// Why there are none although there are vips; empty: there are, or nobody asked.
  [[nodiscard]] const std::string& why() const { return why_; }
  /// Rules that the device did not remove when asked. Harmless: they still spread over queues that
  /// have a worker, and the classify stage decides; they go when the port closes.
  [[nodiscard]] std::size_t stuck() const { return stuck_; }
  /// True if packets carry the vip's number.
  [[nodiscard]] bool marks() const { return count() != 0 && actions_.mark; }
  /// Packets that met a rule; 0 where the device does not count.
  [[nodiscard]] std::uint64_t packets() const;

 private:
  struct Actions {
    bool mark = false;
    bool count = false;
  };
  struct Made {
    VipMatch match;
    rte_flow* rule;
  };
  rte_flow* make(const VipMatch& match, Actions actions);
  bool make_first(const VipMatch& match, Made& made);
  void destroy(rte_flow* rule);
  void destroy_all();
  void give_up(const char* what);
  bool bring_to(const std::vector<VipMatch>& vips, bool other_queues);
  bool keep_spread(const std::vector<unsigned>& table);

  std::uint16_t ethdev_ = 0;
  RssPlan rss_;
  Actions actions_;
  std::vector<Made> made_;
  std::vector<VipMatch> asked_;
  std::vector<std::uint16_t> queues_;
  std::string why_;
  std::size_t stuck_ = 0;
  int errno_ = 0;         // of the last call that failed
  bool touched_ = false;  // asked to make or remove a rule since RSS was last known to be in force
};

}  // namespace fairlead::dataplane
