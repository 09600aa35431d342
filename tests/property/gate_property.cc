// SPDX-License-Identifier: BSD-3-Clause
// The data plane and the XDP gate decide alike, but for the differences that have a name: frames of
// the packet table, mutated, through both. A round takes a row's world and its history, then frames
// made of the row's, each into both planes; after the first that they do not agree on their
// memories may differ, so the round ends. What is found becomes a row of the packet table.
//
// FL_ROUNDS and FL_SEED say how many rounds and which (scripts/fuzz gate); what fails can be
// repeated with the seed that is printed. Needs root.
#include <cstdlib>
#include <random>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/packet/gate_differences.hh"
#include "tests/packet/packet_case.hh"
#include "tests/testing/expect_packet.hh"
#include "tests/testing/frame_mutator.hh"
#include "tests/testing/gate_world.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::packet_table {
namespace {

using testing::FrameMutator;
using testing::GateWorld;
using testing::TestBank;
using testing::TestWorker;

constexpr unsigned kFramesPerRound = 60;
constexpr std::size_t kLongest = 3520;  // the kernel runs no longer frames in one piece

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Worlds that do not depend on how much time passes between two frames, as the gate's clock is the
/// real one, and in which the gate can have as little room as the data plane, so that both remember
/// the same.
bool is_comparable(const World& world) {
  const World usual;
  return world.new_flow_limit == 0 && world.icmp_error_limit == usual.icmp_error_limit &&
         world.icmp_echo_limit == usual.icmp_echo_limit && world.headroom == usual.headroom;
}

bool runs_in_both(const Frame& frame) {
  return frame.size() >= 14 && frame.size() <= kLongest;
}

std::vector<PacketCase> comparable_rows() {
  std::vector<PacketCase> rows = all_cases();
  std::erase_if(rows, [](const PacketCase& row) {
    return !is_comparable(row.world) || (row.then && !is_comparable(*row.then)) ||
           !runs_in_both(row.in);
  });
  return rows;
}

/// Both planes in the same state.
class BothPlanes {
 public:
  BothPlanes(GateWorld& gate, const PacketCase& row)
      : gate_(gate),
        last_(row.then ? *row.then : row.world),
        first_bank_(world_table(row.world)),
        last_bank_(world_table(last_)) {
    gate_.reset();
    enter(row.world, first_bank_);
    for (const Step& step : row.before) {
      advance(step.after_ms);
      worker_.run_one(step.frame);
      gate_.run(step.frame);
    }
    if (row.then) enter(last_, last_bank_);
    advance(row.after_ms);
    worker_.idle();
    if (last_.control == Control::kNever) return;
    worker_.set_control(last_.control == Control::kSeesAnswers);
    gate_.set_control(last_.control == Control::kSeesAnswers);
  }

  /// What the data plane did with the frame, as a row of the packet table would have it.
  PacketCase row_of(const Frame& frame) {
    const testing::Result result = worker_.run_one(frame);
    PacketCase row;
    row.world = last_;
    row.in = frame;
    row.verdict = result.verdict;
    row.reason = result.reason;
    row.out = result.out;
    return row;
  }
  GateWorld::Result gate(const Frame& frame) { return gate_.run(frame); }
  [[nodiscard]] bool books_are_even() {
    return worker_.unaccounted() == 0 && gate_.unaccounted() == 0;
  }

 private:
  void enter(const World& world, const TestBank& bank) {
    worker_.use(world.published ? bank.view() : steer::TableView());
    auto& hops = worker_.context().hops;
    hops.mtu = world.mtu;
    hops.gateway4 = hops.gateway6 =
        world.gateways_resolved ? *net::MacAddr::parse(testing::kGatewayMac) : net::MacAddr{};
    worker_.set_headroom(world.headroom);
    worker_.context().buffer_bytes = 2176;  // the gate always has the room
    gate_.use(world_table(world), world.published);
    fl_gate_settings settings = GateWorld::usual_settings();
    settings.mtu = world.mtu;
    if (!world.gateways_resolved) settings.gateway4 = settings.gateway6 = 0;
    gate_.set_settings(settings);
  }
  void advance(std::uint32_t milliseconds) {
    worker_.advance(milliseconds * base::kMillisecond);
    gate_.advance(milliseconds * base::kMillisecond);
  }

  GateWorld& gate_;
  World last_;
  TestBank first_bank_;
  TestBank last_bank_;
  TestWorker worker_;
};

bool has_frame(steer::Verdict verdict) {
  return verdict == steer::Verdict::kForward || verdict == steer::Verdict::kAnswer;
}

/// (Fragments that the frame sets free are early ones, which the gate has dropped before.)
bool agree(const PacketCase& row, const GateWorld::Result& gate) {
  if (row.verdict != gate.verdict || row.reason != gate.reason) return false;
  return !has_frame(row.verdict) || row.out == gate.out;
}

std::string hex(const Frame& frame) {
  std::string out;
  char byte[3];
  for (const std::uint8_t b : frame) {
    std::snprintf(byte, sizeof byte, "%02x", b);
    out += byte;
  }
  return out;
}

struct Tally {
  unsigned alike = 0;
  unsigned forwarded = 0;
  unsigned different = 0;  // by a difference that has a name
};

/// A round; false if the planes disagreed.
bool run_round(
    GateWorld& gate, const std::vector<PacketCase>& rows, std::uint64_t seed, Tally& tally
) {
  FrameMutator mutator(seed);
  const PacketCase& origin = rows[mutator.below(rows.size())];
  BothPlanes planes(gate, origin);
  for (unsigned i = 0; i < kFramesPerRound; ++i) {
    const Frame& donor = rows[mutator.below(rows.size())].in;
    const Frame frame = mutator.mutate(origin.in, donor);
    if (!runs_in_both(frame)) continue;
    const PacketCase row = planes.row_of(frame);
    const GateWorld::Result result = planes.gate(frame);
    if (agree(row, result)) {
      ++tally.alike;
      tally.forwarded += row.verdict == steer::Verdict::kForward ? 1 : 0;
    } else if (find_difference(row, result.verdict, result.reason) != nullptr) {
      ++tally.different;
      // One plane has entered a flow or used up a trial: their states are no longer the same.
      if (row.verdict == steer::Verdict::kForward) return true;
    } else {
      ADD_FAILURE() << "FL_SEED=" << seed << " FL_ROUNDS=1, frame " << i << " of \"" << origin.says
                    << "\"\ndata plane: " << to_string(row.verdict) << " "
                    << steer::reason_name(row.reason)
                    << "\ngate:       " << to_string(result.verdict) << " "
                    << steer::reason_name(result.reason) << " (" << result.counter << ")\n"
                    << hex(frame);
      if (has_frame(row.verdict) && row.verdict == result.verdict) {
        FL_EXPECT_PACKET(row.out, result.out);
      }
      return false;
    }
    if (planes.books_are_even()) continue;
    ADD_FAILURE() << "FL_SEED=" << seed << ": a packet was lost uncounted\n" << hex(frame);
    return false;
  }
  return true;
}

TEST(Gate, DecidesAsTheDataPlaneDoes) {
  if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
  const std::uint64_t seed = number_from("FL_SEED", 1);
  const std::uint64_t rounds = number_from("FL_ROUNDS", 50);
  constexpr unsigned kEnough = 20;  // failures
  const std::vector<PacketCase> rows = comparable_rows();
  GateWorld gate;
  Tally tally;
  unsigned failures = 0;
  for (std::uint64_t round = 0; round < rounds && failures < kEnough; ++round)
    failures += run_round(gate, rows, seed + round, tally) ? 0 : 1;
  RecordProperty("alike", static_cast<int>(tally.alike));
  RecordProperty("different", static_cast<int>(tally.different));
  std::printf(
      "rounds %llu: alike %u (forwarded %u), by a difference with a name %u\n",
      static_cast<unsigned long long>(rounds),
      tally.alike,
      tally.forwarded,
      tally.different
  );
  if (rounds >= 20) {
    EXPECT_GT(tally.forwarded, rounds) << "the comparison was empty";
  }
}

}  // namespace
}  // namespace fairlead::packet_table
