// SPDX-License-Identifier: BSD-3-Clause
// What becomes of a packet, and why. C++ names for steer/drop_reasons.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/steer/abi.h"
#include "dataplane/steer/drop_reasons.h"

namespace fairlead::steer {

static_assert(FL_REASON_COUNT <= FL_MAX_DROP_REASONS);

enum class Verdict : std::uint8_t {
  kForward = 0,
  kPunt = 1,
  kDrop = 2,
  kWait = 3,    // a fragment whose fate is not known yet: see path/waiting_room.hh
  kAnswer = 4,  // the buffer now holds our answer, to be sent back out of the port
};

inline std::string_view to_string(Verdict v) {
  static constexpr std::string_view kNames[] = {"forward", "punt", "drop", "wait", "answer"};
  return kNames[static_cast<std::size_t>(v)];
}

/// Name as in counters, metrics and CSV, e.g. "no_vip"; empty for FL_REASON_NONE.
inline std::string_view reason_name(fl_reason r) {
  static constexpr std::string_view kNames[] = {
#define FL_REASON_NAME(e, n, t) n,
      FL_REASONS(FL_REASON_NAME)
#undef FL_REASON_NAME
  };
  return kNames[r];
}

/// One line for operators.
inline std::string_view reason_text(fl_reason r) {
  static constexpr std::string_view kTexts[] = {
#define FL_REASON_TEXT(e, n, t) t,
      FL_REASONS(FL_REASON_TEXT)
#undef FL_REASON_TEXT
  };
  return kTexts[r];
}

}  // namespace fairlead::steer
