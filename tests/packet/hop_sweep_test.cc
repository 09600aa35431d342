// SPDX-License-Identifier: BSD-3-Clause
// Hop lists at every size of a pool, on both planes: the same bytes, as many hops as the rules of
// docs/wire-format.md give (counted here anew), none above the MTU, and clients are told the same
// whatever the pool's size.
#include <algorithm>
#include <set>

#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/packet/packet_case.hh"
#include "tests/testing/expect_packet.hh"
#include "tests/testing/gate_world.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::packet_table {
namespace {

using testing::GateWorld;
using testing::packet;
using testing::TestBank;
using testing::TestWorker;

constexpr unsigned kMtu = 1500;
constexpr unsigned kHeaders = 40;  // of the client's packet: IPv4 and TCP
constexpr unsigned kLargestPool = 26;
constexpr unsigned kAskedWhole = 24;   // over IPv4
constexpr unsigned kSlotsBehind = 16;  // the same, of a larger pool; who may be a reserve
constexpr unsigned kLongest = 23;

/// What the outer headers towards a family of backends take, from docs/wire-format.md.
struct Outer {
  bool six;
  unsigned ip_bytes;         // of the outer IP header
  unsigned without_list;     // in all, if there are no hops
  unsigned with_empty_list;  // and what a list begins with
  unsigned hop_bytes;
  unsigned told[5];  // hops that clients leave room for, by number of candidates
};
constexpr Outer kOver4{false, 20, 36, 36, 4, {0, 1, 5, 9, 9}};
constexpr Outer kOver6{true, 40, 52, 56, 16, {0, 1, 3, 5, 7}};

struct Shape {
  const Outer& outer;
  std::uint8_t choices;
  std::uint32_t pool;
  std::uint32_t limit = 0;  // new_flow_limit

  [[nodiscard]] const char* vip() const { return outer.six ? kGueMany6 : kGueMany; }
  [[nodiscard]] unsigned told() const { return outer.told[choices]; }
  [[nodiscard]] World world() const {
    World out{.buffer_bytes = 2176, .new_flow_limit = limit, .many_choices = choices};
    out.many_members = pool;
    for (std::uint32_t& earlier : out.many_earlier) earlier %= pool;
    return out;
  }
  /// Whose lists also name the owners of the slots behind the flow's first; how many others there
  /// are besides depends on the flow.
  [[nodiscard]] bool is_far(bool flood) const {
    return !outer.six && choices > 1 && pool > kAskedWhole && !flood;
  }
  /// Hops of a packet of so many bytes; `far`: of a short one, where is_far().
  [[nodiscard]] unsigned hops(unsigned bytes, bool flood, std::size_t far) const {
    const bool whole = !outer.six && pool <= kAskedWhole && !flood;
    const unsigned most = is_far(flood) ? static_cast<unsigned>(far)
                          : whole       ? pool - 1
                                        : std::min(told(), pool - 1);
    const unsigned taken = bytes + outer.with_empty_list;
    return taken > kMtu ? 0 : std::min(most, (kMtu - taken) / outer.hop_bytes);
  }
  [[nodiscard]] unsigned told_mtu() const {
    return kMtu - outer.with_empty_list - told() * outer.hop_bytes;
  }
};

std::string name_of(const Shape& shape, unsigned bytes) {
  return std::string(shape.outer.six ? "over IPv6, " : "over IPv4, ") +
         std::to_string(shape.choices) + " candidates of " + std::to_string(shape.pool) + ", " +
         std::to_string(bytes) + " bytes";
}

/// Packet sizes at which the number of hops changes, and beside them.
std::set<unsigned> sizes(const Outer& outer) {
  std::set<unsigned> out = {kHeaders, 1000, kMtu};
  for (unsigned hops = 0; hops <= 24; ++hops) {
    const unsigned bytes = kMtu - outer.with_empty_list - hops * outer.hop_bytes;
    out.insert({bytes, bytes + 1});
  }
  out.insert({kMtu - outer.without_list, kMtu - outer.without_list + 1});
  return out;
}

Frame ack(const Shape& shape, std::uint16_t port, unsigned bytes = kHeaders) {
  return packet().ipv4(kClient4, shape.vip()).df().tcp(port, 80, "A").payload(bytes - kHeaders);
}

/// Outer destination, and hops in their order, as they are in the frame.
std::vector<Frame> asked(const Frame& frame, const Outer& outer) {
  const unsigned address_bytes = outer.six ? 16 : 4;
  const auto piece = [&](std::size_t at) {
    return Frame(frame.begin() + at, frame.begin() + at + address_bytes);
  };
  std::vector<Frame> out = {piece(14 + outer.ip_bytes - address_bytes)};
  const std::size_t gue = 14 + outer.ip_bytes + 8;
  const unsigned words = frame.at(gue) & 0x1f;
  if (words == 0) return out;
  for (unsigned hop = 0; hop < frame.at(gue + 7); ++hop)
    out.push_back(piece(gue + 8 + hop * address_bytes));
  EXPECT_EQ(words, 1 + (out.size() - 1) * address_bytes / 4) << "the header's own length";
  return out;
}

unsigned told_in(const Frame& answer) {
  return answer.at(14 + 20 + 6) * 256U + answer.at(14 + 20 + 7);
}

class HopSweep : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    static GateWorld loaded;
    gate_ = &loaded;
    gate_->reset();
  }

  void enter(const Shape& shape) {
    bank_ = std::make_unique<TestBank>(world_table(shape.world()));
    worker_ = std::make_unique<TestWorker>();
    worker_->use(bank_->view());
    worker_->context().buffer_bytes = shape.world().buffer_bytes;
    gate_->use(world_table(shape.world()));
  }

  /// What both planes make of a frame; they agree.
  testing::Result run(const Frame& frame) {
    testing::Result result = worker_->run_one(frame);
    const auto at_gate = gate_->run(frame);
    EXPECT_EQ(to_string(result.verdict), to_string(at_gate.verdict));
    EXPECT_EQ(steer::reason_name(result.reason), steer::reason_name(at_gate.reason));
    FL_EXPECT_PACKET(result.out, at_gate.out);
    return result;
  }

  void expect_list(const Shape& shape, std::uint16_t port, unsigned bytes, bool flood = false) {
    SCOPED_TRACE(name_of(shape, bytes));
    const testing::Result result = run(ack(shape, port, bytes));
    if (bytes + shape.outer.without_list > kMtu) {
      ASSERT_EQ(steer::Verdict::kAnswer, result.verdict);
      EXPECT_EQ(shape.told_mtu(), told_in(result.out));
      return;
    }
    ASSERT_EQ(steer::Verdict::kForward, result.verdict);
    EXPECT_LE(result.out.size(), 14 + kMtu);
    const std::vector<Frame> all = asked(result.out, shape.outer);
    EXPECT_EQ(all.size(), std::set<Frame>(all.begin(), all.end()).size()) << "each once";
    if (bytes == kHeaders) longest_ = all;
    EXPECT_EQ(shape.hops(bytes, flood, longest_.size() - 1), all.size() - 1);
    if (bytes == kHeaders && shape.is_far(flood)) expect_owners_behind(shape, all);
    ASSERT_LE(all.size(), longest_.size());
    EXPECT_TRUE(std::equal(all.begin(), all.end(), longest_.begin()))
        << "the most likely ones are kept";
  }

  /// Backend s has slot s and is the one whose address ends in s.
  static void expect_owners_behind(const Shape& shape, const std::vector<Frame>& all) {
    EXPECT_LE(all.size() - 1, kLongest);
    std::set<unsigned> named;
    for (const Frame& address : all) named.insert(address.back());
    for (unsigned step = 1; step <= kSlotsBehind; ++step)
      EXPECT_EQ(1U, named.count((all.front().back() + step) % shape.pool)) << step << " behind";
  }

  GateWorld* gate_ = nullptr;
  std::unique_ptr<TestBank> bank_;
  std::unique_ptr<TestWorker> worker_;
  std::vector<Frame> longest_;
};

TEST_F(HopSweep, BothPlanesNameTheSameBackendsAtEverySize) {
  for (const Outer& outer : {kOver4, kOver6}) {
    for (std::uint8_t choices = 1; choices <= 4; ++choices) {
      gate_->reset();
      for (std::uint32_t pool = 1; pool <= kLargestPool; ++pool) {
        const Shape shape{outer, choices, pool};
        enter(shape);
        for (const unsigned bytes : sizes(outer))
          expect_list(shape, static_cast<std::uint16_t>(40000 + pool), bytes);
        if (HasFailure()) return;  // one shape tells the story
      }
    }
  }
}

TEST_F(HopSweep, InAFloodNoListIsLongerThanClientsAreToldOf) {
  for (const Outer& outer : {kOver4, kOver6}) {
    for (const std::uint32_t pool : {1U, 2U, 10U, 11U, 24U, 25U}) {
      gate_->reset();
      const Shape shape{outer, /*choices=*/3, pool, /*limit=*/1};
      enter(shape);
      for (std::uint16_t i = 0; i < 40; ++i) {  // more than 32; when it begins depends on the clock
        const Frame frame = ack(shape, static_cast<std::uint16_t>(50000 + i));
        worker_->run_one(frame);
        gate_->run(frame);
      }
      for (const unsigned bytes : sizes(outer)) expect_list(shape, 40000, bytes, /*flood=*/true);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace fairlead::packet_table
