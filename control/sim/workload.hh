// SPDX-License-Identifier: BSD-3-Clause
// Requests as they come: a function of the seed alone, the same for every policy.
#pragma once

#include <cstdint>

#include "control/policy/random.hh"
#include "control/sim/setup.hh"

namespace fairlead::sim {

/// A connection that opens.
struct Opening {
  Time at = kNever;
  std::uint64_t number = 0;  // of the connection; in file mode: position of the request
  std::uint32_t source = 0;  // IPv4 address
  std::uint16_t port = 0;
};

/// Draws service times. Pure.
class ServiceDraw {
 public:
  explicit ServiceDraw(const Service& service);
  /// Work of a request from a uniform random word, seconds.
  [[nodiscard]] double operator()(std::uint64_t word) const;

 private:
  Service service_;
  double a_ = 0;
  double b_ = 0;
};

/// The arrival process. next() rises in time; at == kNever: no more.
class ArrivalProcess {
 public:
  explicit ArrivalProcess(const Setup& setup);
  Opening next();
  /// Rate at a time, connections a second.
  [[nodiscard]] double rate_at(Time time);

 private:
  Opening next_from_file();

  const Setup* setup_;
  double rate_;  // of connections
  policy::Draws gaps_;
  policy::Draws sources_;
  policy::Random bursts_;
  double now_ = 0;  // seconds
  std::uint64_t number_ = 0;
  bool burst_ = false;
  double burst_until_ = 0;
};

/// Random streams of a run, by number: no two uses share one.
enum class StreamName : std::uint64_t {
  kGaps = 1,
  kSources,
  kWork,
  kThink,
  kBursts,
  kFaults,
  kReportLoss,
  kUpdateLoss,
  kJitter,
  kPicker,
  kLies,
};

inline policy::Draws draws(std::uint64_t seed, StreamName stream) {
  return {seed, static_cast<std::uint64_t>(stream)};
}

}  // namespace fairlead::sim
