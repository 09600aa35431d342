// SPDX-License-Identifier: BSD-3-Clause
// The way of decisions from a worker to whoever writes them down: bounded, and never waited for.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.hh"
#include "dataplane/net/five_tuple.hh"
#include "dataplane/path/sink.hh"

namespace fairlead::path {

/// A new flow and where it went.
struct Decision {
  base::Nanoseconds now = 0;  // CLOCK_MONOTONIC
  net::FiveTuple tuple;
  std::uint32_t vip = 0;      // vip number
  std::uint32_t backend = 0;  // backend number
  std::uint32_t member = 0;
};

/// From a worker to the writer thread.
using DecisionSink = Sink<Decision>;

}  // namespace fairlead::path
