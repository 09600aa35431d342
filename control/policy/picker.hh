// SPDX-License-Identifier: BSD-3-Clause
// Choosing a backend at the opening of a connection from what one node knows: the published
// policies against which Fairlead's own (two candidates of a weighted table and a score, in
// dataplane/path/candidates.hh) is measured. One file per policy; each names its source.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "control/policy/random.hh"
#include "dataplane/base/clock.hh"

namespace fairlead::policy {

inline constexpr std::uint32_t kNobody = 0xffffffff;

/// What a node knows now; arrays by backend, all of one length.
struct NodeView {
  std::span<const double> weight;            // in force, any unit; 0: none by weight
  std::span<const std::uint32_t> in_flight;  // connections open through this node
  std::span<const std::uint8_t> usable;      // 1: healthy
  std::uint64_t version = 0;                 // changes when weight or usable do
  base::Nanoseconds now = 0;
};

/// One node's choice. Not shared between threads. Calls in the order of events.
class Picker {
 public:
  virtual ~Picker() = default;
  /// The backend for a new connection; kNobody when none is usable.
  virtual std::uint32_t pick(const NodeView& node, Random& random) = 0;
  /// A connection of this node ended after so long; `ok`: it was served.
  virtual void closed(std::uint32_t, double /*latency_us*/, bool /*ok*/, base::Nanoseconds) {}
  /// Backends to probe after a pick (Prequal), answered through probed().
  [[nodiscard]] virtual std::uint32_t probes() const { return 0; }
  virtual void probed(std::uint32_t, double /*active*/, double /*latency_us*/, base::Nanoseconds) {}
  /// True when backends shall tell a random node that a core became idle (join idle queue).
  [[nodiscard]] virtual bool wants_tokens() const { return false; }
  virtual void token(std::uint32_t) {}
};

std::unique_ptr<Picker> make_random_picker();
std::unique_ptr<Picker> make_smooth_wrr();
enum class LeastRule { kConnections, kWeighted, kExpectedDelay };
std::unique_ptr<Picker> make_least(LeastRule rule);
std::unique_ptr<Picker> make_power_of_two(std::uint32_t choices);
std::unique_ptr<Picker> make_peak_ewma();
std::unique_ptr<Picker> make_prequal();
std::unique_ptr<Picker> make_jiq();

/// Draws backends in proportion to their weight (or alike, where none of the usable has one).
class WeightedDraw {
 public:
  std::uint32_t draw(const NodeView& node, Random& random);

 private:
  void rebuild(const NodeView& node);
  std::uint64_t version_ = ~std::uint64_t{0};
  std::vector<double> sums_;  // rising
  std::vector<std::uint32_t> backends_;
};

}  // namespace fairlead::policy
