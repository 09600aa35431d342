// SPDX-License-Identifier: BSD-3-Clause
// Where the XDP gate must decide otherwise than the data plane: the one list (docs/takeover.md
// explains each reason).
#pragma once

#include <string>
#include <vector>

#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

struct GateDifference {
  std::string says;  // the row's sentence
  steer::Verdict verdict = steer::Verdict::kPunt;
  fl_reason reason = FL_REASON_NONE;
  const char* because = "";
};

const std::vector<GateDifference>& gate_differences();

/// The row with what the gate makes of it.
PacketCase as_seen_by_gate(PacketCase row);

}  // namespace fairlead::packet_table
