// SPDX-License-Identifier: BSD-3-Clause
// A monitor's sums, by datagrams without a network.
#include "control/exchange/sum.hh"

#include <gtest/gtest.h>

namespace fairlead::exchange {
namespace {

const Key kKey({1, 2});
constexpr base::Nanoseconds kNow = 1000 * base::kSecond;
using Values = std::vector<std::uint32_t>;

class Fleet {
 public:
  explicit Fleet(const Key& key = kKey) : sum(key) {}

  /// A round of a node with the backends of `ids`; its answer, after telling the names if asked.
  Values round(std::uint64_t node, const std::string& ids, Values values) {
    Datagram d = datagram(node, ids);
    d.values = std::move(values);
    const Datagram* answer = sum.take(d, now);
    if (answer != nullptr && answer->kind == Kind::kAsk) {
      EXPECT_EQ(sum.take(names(node, ids), now), nullptr);
      answer = sum.take(d, now);
    }
    if (answer == nullptr) return {};
    EXPECT_EQ(answer->kind, Kind::kSum);
    EXPECT_EQ(answer->node, node);
    EXPECT_EQ(answer->sequence, d.sequence);
    nodes = answer->nodes;
    return answer->values;
  }

  Datagram datagram(std::uint64_t node, const std::string& ids) {
    Datagram d;
    d.wants_answer = true;
    d.node = node;
    d.list = kKey.digest(identities(ids));
    d.sequence = ++sequence;
    d.total = static_cast<std::uint16_t>(ids.size());
    return d;
  }
  Datagram names(std::uint64_t node, const std::string& ids) {
    Datagram d = datagram(node, ids);
    d.kind = Kind::kNames;
    d.names = identities(ids);
    return d;
  }
  // One backend a letter.
  static std::vector<std::uint64_t> identities(const std::string& ids) {
    std::vector<std::uint64_t> out;
    for (const char& c : ids) out.push_back(kKey.identity({&c, 1}));
    return out;
  }

  Sum sum;
  base::Nanoseconds now = kNow;
  std::uint64_t sequence = 0;
  unsigned nodes = 0;
};

TEST(ExchangeSum, ANodeHearsWhatAllOthersHaveInFlight) {
  Fleet f;
  EXPECT_EQ(f.round(1, "abc", {1, 2, 3}), (Values{0, 0, 0}));
  EXPECT_EQ(f.round(2, "abc", {10, 20, 30}), (Values{1, 2, 3}));
  EXPECT_EQ(f.round(3, "abc", {100, 0, 0}), (Values{11, 22, 33}));
  EXPECT_EQ(f.round(1, "abc", {5, 0, 3}), (Values{110, 20, 30}));
  EXPECT_EQ(f.round(2, "abc", {0, 0, 0}), (Values{105, 0, 3}));
  EXPECT_EQ(f.nodes, 3U);
  EXPECT_EQ(f.sum.total(kKey.identity("a")), 105U);
}

TEST(ExchangeSum, NodesWithDifferentListsShareTheBackendsThatBothHave) {
  Fleet f;
  f.round(1, "abc", {1, 2, 3});
  EXPECT_EQ(f.round(2, "cxa", {30, 7, 10}), (Values{3, 0, 1}));
  EXPECT_EQ(f.round(1, "abc", {1, 2, 3}), (Values{10, 0, 30}));
}

TEST(ExchangeSum, ANodeThatChangesItsListLeavesNothingBehind) {
  Fleet f;
  f.round(1, "ab", {5, 6});
  f.round(1, "bc", {1, 2});
  EXPECT_EQ(f.round(2, "abc", {0, 0, 0}), (Values{0, 1, 2}));
}

TEST(ExchangeSum, AnUnknownListIsAskedForAndAWrongOneRefused) {
  Fleet f;
  Datagram d = f.datagram(1, "ab");
  d.values = {1, 2};
  const Datagram* answer = f.sum.take(d, f.now);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->kind, Kind::kAsk);

  Datagram wrong = f.names(1, "ab");
  wrong.names = Fleet::identities("ac");
  f.sum.take(wrong, f.now);
  EXPECT_EQ(f.sum.refused(), 1U);
  EXPECT_EQ(f.sum.take(d, f.now)->kind, Kind::kAsk);

  Datagram first = f.names(1, "ab");
  first.names.pop_back();
  f.sum.take(first, f.now);
  EXPECT_EQ(f.sum.take(d, f.now)->kind, Kind::kAsk) << "one name is missing";
  Datagram second = f.names(1, "ab");
  second.first = 1;
  second.names.erase(second.names.begin());
  f.sum.take(second, f.now);
  EXPECT_EQ(f.sum.take(d, f.now)->kind, Kind::kSum);
}

TEST(ExchangeSum, ASilentNodesCountsGoAfterASecondAndComeBackWithIt) {
  Fleet f;
  f.round(1, "ab", {5, 6});
  f.round(2, "ab", {0, 0});
  f.now += Sum::kSilent - 1;
  f.sum.expire(f.now);
  EXPECT_EQ(f.round(2, "ab", {0, 0}), (Values{5, 6}));
  f.now += 1;
  f.sum.expire(f.now);
  EXPECT_EQ(f.sum.nodes(), 1U);
  EXPECT_EQ(f.round(2, "ab", {0, 0}), (Values{0, 0}));
  f.round(1, "ab", {7, 0});
  EXPECT_EQ(f.round(2, "ab", {0, 0}), (Values{7, 0}));
}

TEST(ExchangeSum, DatagramsThatWereOvertakenOrComeAgainChangeNothing) {
  Fleet f;
  f.round(2, "a", {0});
  Datagram late = f.datagram(1, "a");
  late.values = {9};
  f.round(1, "a", {4});
  EXPECT_EQ(f.sum.take(late, f.now), nullptr);
  EXPECT_EQ(f.sum.old(), 1U);
  EXPECT_EQ(f.round(2, "a", {0}), (Values{4}));
}

TEST(ExchangeSum, AMonitorThatIsNotInUseTakesNoteWithoutAnAnswer) {
  Fleet f;
  f.round(1, "a", {1});
  Datagram quiet = f.datagram(2, "a");
  quiet.wants_answer = false;
  quiet.values = {3};
  EXPECT_EQ(f.sum.take(quiet, f.now), nullptr);
  EXPECT_EQ(f.round(1, "a", {1}), (Values{3}));
}

TEST(ExchangeSum, ListsNobodyUsesAreForgottenAndTheOthersKeepTheirSums) {
  Fleet f;
  f.round(1, "abc", {1, 2, 3});
  f.round(2, "bx", {20, 9});
  for (int s = 0; s < 62; ++s) {
    f.now += base::kSecond / 2;
    f.round(2, "bx", {20, 9});
    f.sum.expire(f.now);
    f.now += base::kSecond / 2;
    f.round(2, "bx", {20, 9});
  }
  EXPECT_EQ(f.sum.lists(), 1U);
  EXPECT_EQ(f.sum.total(kKey.identity("b")), 20U);
  EXPECT_EQ(f.round(1, "abc", {1, 2, 3}), (Values{0, 20, 0}));
}

TEST(ExchangeSum, LongListsComeInPartsThatAreOldByThemselves) {
  Fleet f;
  std::vector<std::uint64_t> names(1000);
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = i + 1;
  Datagram d;
  d.list = kKey.digest(names);
  d.total = 1000;
  d.wants_answer = true;
  for (std::size_t first = 0; first < names.size(); first += kMostNames) {
    Datagram part = d;
    part.kind = Kind::kNames;
    part.first = static_cast<std::uint16_t>(first);
    for (std::size_t i = first; i < std::min(first + kMostNames, names.size()); ++i)
      part.names.push_back(names[i]);
    f.sum.take(part, kNow);
  }
  for (const std::uint64_t node : {1, 2}) {
    for (const std::uint16_t first : {std::uint16_t{0}, std::uint16_t{kMostValues}}) {
      d.node = node;
      d.sequence = 9;
      d.first = first;
      d.values.assign(first == 0 ? kMostValues : 1000 - kMostValues, 5 + first);
      const Datagram* answer = f.sum.take(d, kNow);
      ASSERT_NE(answer, nullptr);
      EXPECT_EQ(answer->first, first);
      EXPECT_EQ(answer->values.back(), node == 1 ? 0U : 5U + first);
    }
  }
}

}  // namespace
}  // namespace fairlead::exchange
