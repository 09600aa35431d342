// SPDX-License-Identifier: BSD-3-Clause
// The short way to a new flow's backend comes to what the long one does, or leaves it to that.
#include "dataplane/path/quick_choice.hh"

#include <memory>
#include <random>

#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::TestBank;
using testing::TestWorker;

class Worlds {
 public:
  explicit Worlds(unsigned seed) : random_(seed) {}
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  std::uint64_t hash() { return random_(); }

  testing::TestTable table() {
    testing::TestTable out;
    testing::TestVip vip{.prefix = "203.0.113.20"};
    vip.choices = static_cast<std::uint8_t>(1 + pick(4));
    vip.encapsulation = pick(2) == 0 ? FL_ENCAP_GUE : FL_ENCAP_IPIP;
    vip.flags = pick(2) == 0 ? FL_VIP_ONLY_NODE : 0;
    const unsigned backends = 1 + pick(20);
    for (unsigned b = 0; b < backends; ++b) {
      const std::string at = std::to_string(b + 1);
      vip.members.push_back(
          {.address = pick(2) == 0 ? "10.0.1." + at : "2001:db8::" + at,
           .backend = b,
           .inverse_weight = 100 + pick(3)}
      );
    }
    const unsigned slots = 3 + pick(50);
    for (unsigned s = 0; s < slots; ++s) vip.slots.push_back(pick(backends));
    out.vips = {vip};
    return out;
  }

  /// Loads that are equal or nearly so: ties, cores that are free, counts of others.
  void load(const TestBank& bank, TestWorker& worker, fl_scores& scores) {
    const unsigned cores = pick(4);
    for (const fl_member& member : bank.view().members()) {
      fl_set_member_parallel(const_cast<fl_member*>(&member), cores == 0 ? 0 : pick(cores + 1));
      fl_backend_counters& backend = worker.page().backends[member.backend];
      backend.in_flight = pick(6);
      backend.pending = pick(6);
      backend.pending_since_ns = worker.context().now - pick(3) * base::kMillisecond;
      scores.score[0][member.backend] = {pick(3) == 0 ? 90 + pick(20) : 0, pick(4)};
    }
  }

  /// One thing that is not well, at one backend.
  void disturb(const TestBank& bank, TestWorker& worker, fl_scores& scores) {
    const auto members = bank.view().members();
    const fl_member& member = members[pick(static_cast<unsigned>(members.size()))];
    fl_backend_counters& backend = worker.page().backends[member.backend];
    const base::Nanoseconds now = worker.context().now;
    switch (pick(4)) {
      case 0:
        backend.ejected_until_ns = now + base::kSecond;
        break;
      case 1:
        backend.pending = 5;
        backend.pending_since_ns = now - kEjectSilence;
        break;
      case 2:
        scores.score[0][member.backend].inverse_weight = kLooksFull;
        break;
      default:
        const_cast<fl_member&>(member).state = FL_MEMBER_DRAINING;
    }
  }

 private:
  std::mt19937_64 random_;
};

TEST(QuickChoice, IsTheSlowOne) {
  Worlds worlds(1);
  const auto scores = std::make_unique<fl_scores>();
  unsigned chosen = 0;
  unsigned left = 0;
  for (unsigned round = 0; round < 3000; ++round) {
    const TestBank bank(worlds.table());
    const fl_vip& vip = bank.view().vips()[0];
    TestWorker worker;
    worker.use(bank.view());
    const bool external = worlds.pick(2) == 0;
    worker.context().scores = worlds.pick(4) == 0 ? nullptr : scores.get();
    worlds.load(bank, worker, *scores);
    const bool well = round % 3 != 0;
    if (!well) worlds.disturb(bank, worker, *scores);
    ASSERT_TRUE(has_quick_choice(vip));
    for (unsigned flow = 0; flow < 10; ++flow) {
      const std::uint64_t hash = worlds.hash();
      Positions positions;
      look_up_positions(bank.view(), vip, hash, positions);
      const std::uint32_t quick = Offers(worker.context(), external).choose(vip, hash, positions);
      if (well) {
        ASSERT_NE(FL_NO_MEMBER, quick);
      }
      ++(quick == FL_NO_MEMBER ? left : chosen);
      if (quick == FL_NO_MEMBER) continue;
      ASSERT_EQ(choose_backend(worker.context(), {&vip, hash, true, false}, external), quick)
          << round;
    }
  }
  EXPECT_GT(chosen, 20'000U);
  EXPECT_GT(left, 1'000U);
}

TEST(QuickChoice, IsNotForTablesWithoutRoomNorVipsWithoutFlows) {
  for (const std::uint32_t slots : {0U, 2U, 3U}) {
    fl_vip vip{};
    vip.table_size = slots;
    EXPECT_EQ(slots == 3, has_quick_choice(vip));
    vip.flags = FL_VIP_STATELESS;
    EXPECT_FALSE(has_quick_choice(vip));
  }
}

}  // namespace
}  // namespace fairlead::path
