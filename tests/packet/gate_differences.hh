// SPDX-License-Identifier: BSD-3-Clause
// Where the XDP gate decides otherwise than the data plane: the one list (docs/takeover.md has it
// in words). A row's result is the data plane's, or that of a difference that applies to it.
#pragma once

#include <string>
#include <vector>

#include "tests/packet/packet_case.hh"

namespace fairlead::packet_table {

struct GateDifference {
  const char* name;
  bool (*applies)(const PacketCase& row);
  steer::Verdict verdict;  // what the gate does with such a row
  fl_reason reason;
  const char* because;
};

const std::vector<GateDifference>& gate_differences();

/// The difference by which the gate may come to this result for the row; null: none.
const GateDifference* find_difference(
    const PacketCase& row, steer::Verdict verdict, fl_reason reason
);

}  // namespace fairlead::packet_table
