// SPDX-License-Identifier: BSD-3-Clause
// The packet table through the pipeline.
#include <gtest/gtest.h>

#include "tests/packet/packet_case.hh"
#include "tests/testing/expect_packet.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::packet_table {
namespace {

using testing::TestBank;
using testing::TestWorker;

class PacketTable : public ::testing::TestWithParam<PacketCase> {};

/// Puts a world in force. The bank must outlive the worker's use of it.
void enter(TestWorker& worker, const World& world, const TestBank& bank) {
  worker.use(world.published ? bank.view() : steer::TableView());
  auto& hops = worker.context().hops;
  hops.mtu = world.mtu;
  hops.gateway4 = hops.gateway6 =
      world.gateways_resolved ? *net::MacAddr::parse(testing::kGatewayMac) : net::MacAddr{};
  worker.set_headroom(world.headroom);
  worker.context().buffer_bytes = world.buffer_bytes;
}

bool is_sent(steer::Verdict verdict) {
  return verdict == steer::Verdict::kForward || verdict == steer::Verdict::kAnswer;
}

TEST_P(PacketTable, HasVerdictReasonAndBytes) {
  const PacketCase& row = GetParam();
  SCOPED_TRACE(row.says);
  const World& last = row.then ? *row.then : row.world;
  const TestBank first_bank(world_table(row.world));
  const TestBank last_bank(world_table(last));
  TestWorker worker;
  enter(worker, row.world, first_bank);
  for (const Step& step : row.before) {
    worker.advance(step.after_ms * base::kMillisecond);
    worker.run_one(step.frame);
  }
  if (row.then) enter(worker, last, last_bank);
  worker.advance(row.after_ms * base::kMillisecond);
  worker.idle();
  if (last.control != Control::kNever) worker.set_control(last.control == Control::kSeesAnswers);

  const auto result = worker.run_one(row.in);

  EXPECT_EQ(to_string(row.verdict), to_string(result.verdict));
  EXPECT_EQ(steer::reason_name(row.reason), steer::reason_name(result.reason));
  if (is_sent(row.verdict)) {
    FL_EXPECT_PACKET(row.out, result.out);
  }
  ASSERT_EQ(row.released.size(), worker.released().size());
  for (std::size_t i = 0; i < row.released.size(); ++i) {
    EXPECT_EQ(to_string(steer::Verdict::kForward), to_string(worker.released()[i].verdict));
    FL_EXPECT_PACKET(row.released[i], worker.released()[i].out);
  }
  EXPECT_EQ(0, worker.unaccounted());
}

INSTANTIATE_TEST_SUITE_P(
    AllRows,
    PacketTable,
    ::testing::ValuesIn(all_cases()),
    [](const auto& row) { return test_name(row.index, row.param); }
);

// A burst of all rows that need no history, at once: the order of packets must not matter to them.
TEST(PacketTableAsBurst, GivesTheSameVerdictsAsOneByOne) {
  const TestBank bank(world_table(World{}));
  std::vector<PacketCase> rows;
  for (const PacketCase& row : all_cases()) {
    const World plain;
    const bool ordinary =
        row.verdict != steer::Verdict::kWait && row.before.empty() && row.world.published &&
        row.world.mtu == plain.mtu && row.world.headroom == plain.headroom &&
        row.world.node_has_ipv4 && row.world.node_has_ipv6 && row.world.gateways_resolved &&
        row.world.pair_slots == plain.pair_slots && row.world.first == plain.first &&
        row.world.second == plain.second && !row.world.udp_stateless && row.world.outer.usual() &&
        row.world.mss == 0 && row.world.icmp_error_limit == plain.icmp_error_limit &&
        row.world.icmp_echo_limit == plain.icmp_echo_limit && !row.world.icmp_from_node &&
        !row.world.kernel_echoes && row.world.gue_earlier.empty() &&
        row.world.gue_slots == plain.gue_slots && row.world.buffer_bytes == 0 &&
        row.world.many_choices == plain.many_choices &&
        row.world.many_members == plain.many_members;
    if (ordinary) rows.push_back(row);
  }
  TestWorker worker;
  worker.use(bank.view());
  for (std::size_t at = 0; at < rows.size(); at += path::kBurstPackets) {
    const std::size_t end = std::min(rows.size(), at + path::kBurstPackets);
    std::vector<Frame> frames;
    for (std::size_t i = at; i < end; ++i) frames.push_back(rows[i].in);

    const auto results = worker.run(frames);

    for (std::size_t i = at; i < end; ++i) {
      SCOPED_TRACE(rows[i].says);
      EXPECT_EQ(to_string(rows[i].verdict), to_string(results[i - at].verdict));
      EXPECT_EQ(steer::reason_name(rows[i].reason), steer::reason_name(results[i - at].reason));
      if (is_sent(rows[i].verdict)) {
        FL_EXPECT_PACKET(rows[i].out, results[i - at].out);
      }
    }
    EXPECT_EQ(0, worker.unaccounted());
  }
}

TEST(PacketTable, HasAtLeastSeventyRowsAndNoSentenceTwice) {
  std::vector<std::string> sentences;
  for (const PacketCase& row : all_cases()) sentences.push_back(row.says);
  std::sort(sentences.begin(), sentences.end());

  EXPECT_GE(sentences.size(), 70U);
  EXPECT_EQ(std::adjacent_find(sentences.begin(), sentences.end()), sentences.end());
}

}  // namespace
}  // namespace fairlead::packet_table
