// SPDX-License-Identifier: BSD-3-Clause
// The packet table through the XDP gate, in the kernel: same verdict, same reason, same bytes, but
// for the rows of gate_differences.cc.
#include <set>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/packet/gate_differences.hh"
#include "tests/packet/packet_case.hh"
#include "tests/testing/expect_packet.hh"
#include "tests/testing/gate_world.hh"

namespace fairlead::packet_table {
namespace {

using testing::GateWorld;

/// Names of the differences that rows needed.
std::set<std::string>& used() {
  static std::set<std::string> names;
  return names;
}

class GateTable : public ::testing::TestWithParam<PacketCase> {};

void enter(GateWorld& gate, const World& world) {
  gate.use(world_table(world), world.published);
  fl_gate_settings settings = GateWorld::usual_settings();
  settings.mtu = world.mtu;
  if (!world.gateways_resolved) settings.gateway4 = settings.gateway6 = 0;
  gate.set_settings(settings);
}

bool has_frame(steer::Verdict verdict) {
  return verdict == steer::Verdict::kForward || verdict == steer::Verdict::kAnswer;
}

TEST_P(GateTable, HasVerdictReasonAndBytes) {
  if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
  const PacketCase& row = GetParam();
  SCOPED_TRACE(row.says);
  if (row.in.size() < 14) GTEST_SKIP() << "the kernel runs no frames without Ethernet header";
  static GateWorld gate;  // loaded once
  gate.reset();
  enter(gate, row.world);
  for (const Step& step : row.before) {
    gate.advance(step.after_ms * base::kMillisecond);
    gate.run(step.frame);
  }
  if (row.then) enter(gate, *row.then);
  gate.advance(row.after_ms * base::kMillisecond);
  const Control control = (row.then ? *row.then : row.world).control;
  if (control != Control::kNever) gate.set_control(control == Control::kSeesAnswers);

  const auto result = gate.run(row.in);

  const bool alike = row.verdict == result.verdict && row.reason == result.reason &&
                     row.released.empty() && (!has_frame(row.verdict) || row.out == result.out);
  if (!alike) {
    const GateDifference* const known = find_difference(row, result.verdict, result.reason);
    if (known != nullptr) {
      used().insert(known->name);
      RecordProperty("difference", known->name);
    } else {
      EXPECT_EQ(to_string(row.verdict), to_string(result.verdict)) << result.counter;
      EXPECT_EQ(steer::reason_name(row.reason), steer::reason_name(result.reason));
      if (has_frame(row.verdict)) {
        FL_EXPECT_PACKET(row.out, result.out);
      }
    }
  }
  EXPECT_EQ(0, gate.unaccounted());
}

INSTANTIATE_TEST_SUITE_P(AllRows, GateTable, ::testing::ValuesIn(all_cases()), [](const auto& row) {
  return test_name(row.index, row.param);
});

// After the rows: a difference that no row needs any more must go from the list.
TEST(ZGateDifferences, AreAllNeeded) {
  if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
  if (used().empty()) GTEST_SKIP() << "the rows did not run";
  for (const GateDifference& difference : gate_differences())
    EXPECT_TRUE(used().contains(difference.name)) << difference.name;
}

}  // namespace
}  // namespace fairlead::packet_table
