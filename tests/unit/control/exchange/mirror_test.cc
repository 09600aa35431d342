// SPDX-License-Identifier: BSD-3-Clause
// Which monitor a node listens to, and when counts are too old.
#include "control/exchange/mirror.hh"

#include <gtest/gtest.h>

#include "control/exchange/sum.hh"
#include "control/exchange/worth.hh"

namespace fairlead::exchange {
namespace {

const Key kKey({1, 2});
constexpr base::Nanoseconds kInterval = 5 * base::kMillisecond;
using Values = std::vector<std::uint32_t>;

/// A node between two monitors, which another node fills with counts.
class World {
 public:
  World() {
    mirror.set_list({11, 12});
    other_.set_list({11, 12});
  }

  /// A round of both nodes; `alive`: which monitors hear and answer.
  void round(std::array<bool, 2> alive = {true, true}) {
    now += kInterval;
    turn(other_, elsewhere, alive);
    turn(mirror, {0, 0}, alive);
    wants = out_;
  }
  Values others() const {
    const auto span = mirror.others(now);
    return {span.begin(), span.end()};
  }

  Mirror mirror{kKey, {.node = 1, .first_sequence = 100, .monitors = 2, .interval = kInterval}};
  Values elsewhere{3, 4};
  base::Nanoseconds now = 1000 * base::kSecond;
  base::Nanoseconds late = 0;  // answers come so long after the counts
  std::vector<bool> wants;

 private:
  void turn(Mirror& node, const Values& counts, std::array<bool, 2> alive) {
    const Mirror::Out& out = node.begin_round(counts, now);
    out_ = out.wants;
    for (std::size_t m = 0; m < 2; ++m) {
      if (!alive[m]) continue;
      for (Datagram part : out.parts) {
        part.wants_answer = out.wants[m];
        const Datagram* answer = sums_[m].take(part, now);
        if (answer == nullptr || !node.take(m, *answer, now + late)) continue;
        for (const Datagram& names : node.name_parts()) sums_[m].take(names, now);
      }
    }
  }

  Mirror other_{kKey, {.node = 2, .first_sequence = 900, .monitors = 2, .interval = kInterval}};
  std::array<Sum, 2> sums_{Sum(kKey), Sum(kKey)};
  std::vector<bool> out_;
};

TEST(ExchangeMirror, AfterTheNamesAreToldCountsOfOthersAreThereWithEachRound) {
  World w;
  EXPECT_EQ(w.others(), Values{});
  w.round();  // asks for the names
  w.round();
  EXPECT_EQ(w.others(), (Values{3, 4}));
  w.elsewhere = {7, 0};
  w.round();
  EXPECT_EQ(w.others(), (Values{7, 0}));
  EXPECT_EQ(w.mirror.state(w.now).nodes, 2U);
  EXPECT_TRUE(w.mirror.state(w.now).fresh);
}

TEST(ExchangeMirror, OnlyTheFirstMonitorAnswersEachRound) {
  World w;
  for (int i = 0; i < 40; ++i) w.round();
  int second = 0;
  for (unsigned i = 0; i < 2 * Mirror::kNowAndThen; ++i) {
    w.round();
    EXPECT_TRUE(w.wants[0]);
    second += w.wants[1] ? 1 : 0;
  }
  EXPECT_EQ(second, 2);
}

TEST(
    ExchangeMirror, AfterFewRoundsWithoutAnAnswerTheNextMonitorIsUsedAndTheFirstAgainWhenItIsBack
) {
  World w;
  for (int i = 0; i < 40; ++i) w.round();
  w.elsewhere = {8, 8};
  unsigned rounds = 0;
  while (w.others() != Values{8, 8} && rounds < 20) {
    w.round({false, true});
    ++rounds;
  }
  EXPECT_LE(rounds, Mirror::kMissed + 2);
  EXPECT_EQ(w.mirror.state(w.now).in_use, 1U);
  w.round();
  EXPECT_EQ(w.mirror.state(w.now).in_use, 0U);
}

TEST(ExchangeMirror, WithoutAnyMonitorCountsAreUsedUntilTheyAreStale) {
  World w;
  for (int i = 0; i < 40; ++i) w.round();
  const base::Nanoseconds last = w.now;
  while (w.now + kInterval < last + w.mirror.stale_after()) {
    w.round({false, false});
    ASSERT_EQ(w.others(), (Values{3, 4}));
  }
  w.round({false, false});
  EXPECT_EQ(w.others(), Values{});
  EXPECT_FALSE(w.mirror.state(w.now).fresh);
  w.round();
  EXPECT_EQ(w.others(), (Values{3, 4}));
}

TEST(ExchangeMirror, CountsThatAreUsuallyTooOldAreHeardButNotWorthUsing) {
  World w;
  for (int i = 0; i < 3; ++i) w.round();
  EXPECT_TRUE(w.mirror.worth_using(w.now));
  w.late = worth_until(2);
  w.round();
  EXPECT_TRUE(w.mirror.worth_using(w.now)) << "one late answer is not their usual age";
  for (int i = 0; i < 60; ++i) w.round();
  EXPECT_FALSE(w.mirror.worth_using(w.now));
  EXPECT_EQ(w.others(), (Values{3, 4})) << "a drain waits for them all the same";
  EXPECT_TRUE(w.mirror.state(w.now).fresh);
  w.late = 0;
  for (int i = 0; i < 60; ++i) w.round();
  EXPECT_TRUE(w.mirror.worth_using(w.now));
}

TEST(ExchangeMirror, AnotherListMakesWhatWasHeardVoid) {
  World w;
  for (int i = 0; i < 3; ++i) w.round();
  w.mirror.set_list({12, 13});
  EXPECT_EQ(w.others(), Values{});
  w.round();
  w.round();
  EXPECT_EQ(w.others(), (Values{4, 0}));
}

TEST(ExchangeMirror, AnswersOfOldOrForeignRoundsAreNotTaken) {
  World w;
  for (int i = 0; i < 3; ++i) w.round();
  Datagram d;
  d.kind = Kind::kSum;
  d.node = 1;
  d.list = kKey.digest(std::vector<std::uint64_t>{11, 12});
  d.total = 2;
  d.values = {99, 99};
  for (const std::uint64_t sequence : {std::uint64_t{102}, std::uint64_t{104}, std::uint64_t{3}}) {
    d.sequence = sequence;  // overtaken, not sent yet, long ago
    w.mirror.take(0, d, w.now);
    EXPECT_EQ(w.others(), (Values{3, 4})) << sequence;
  }
  d.sequence = 103;
  d.node = 2;
  w.mirror.take(0, d, w.now);
  EXPECT_EQ(w.others(), (Values{3, 4}));
}

}  // namespace
}  // namespace fairlead::exchange
