// SPDX-License-Identifier: BSD-3-Clause
// What a slot remembers of its past: the owner before, over restarts, until it means nobody.
#include <cstdlib>
#include <memory>

#include <gtest/gtest.h>

#include "control/steering/steering.hh"

namespace fairlead::steering {
namespace {

using base::kSecond;

constexpr std::size_t kCapacity = 1 << 20;

/// A pool of backends b1.. with these weights.
PoolIntent pool(const std::vector<std::uint32_t>& weights, std::uint32_t table_size = 1021) {
  PoolIntent intent;
  intent.vip.name = "web";
  intent.vip.prefix = {net::IpAddr::v4(203, 0, 113, 10), 32};
  intent.vip.port = 80;
  intent.vip.table_size = table_size;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    model::Backend b;
    b.id = "b" + std::to_string(i + 1);
    b.address = net::IpAddr::v4(10, 0, 0, static_cast<std::uint8_t>(i + 1));
    intent.vip.backends.push_back(b);
    intent.backends.push_back({weights[i], 0, FL_MEMBER_ACTIVE});
  }
  return intent;
}

/// Plans, commits, encodes and attaches, as control and a worker would.
class Generations {
 public:
  steer::TableView next(const PoolIntent& pool) {
    now_ += kSecond;
    const Plan plan = steering_.plan({pool}, {}, now_).value();
    changed_ = plan.changed;
    steering_.commit(plan);
    EXPECT_TRUE(encode(plan, ++generation_, 1, {bank_.get(), kCapacity}));
    return steer::TableView::attach(bank_.get(), kCapacity).value();
  }
  void restart() {
    const auto view = steer::TableView::attach(bank_.get(), kCapacity).value();
    steering_ = Steering::restore(view, now_).value();
  }
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  std::unique_ptr<std::byte, decltype(&std::free)> bank_{
      static_cast<std::byte*>(std::aligned_alloc(64, kCapacity)), &std::free};
  Steering steering_;
  std::uint64_t generation_ = 0;
  base::Nanoseconds now_ = 0;
  bool changed_ = false;
};

std::vector<std::uint32_t> owners(const steer::TableView& view) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t s = 0; s < view.vips()[0].table_size; ++s)
    out.push_back(view.slot(view.vips()[0], s));
  return out;
}
std::vector<std::uint32_t> earlier(const steer::TableView& view) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t s = 0; s < view.vips()[0].table_size; ++s)
    out.push_back(view.earlier_owner(view.vips()[0], s));
  return out;
}

TEST(EarlierOwners, ANewTableHasNoPast) {
  Generations generations;

  for (const std::uint32_t owner : earlier(generations.next(pool({100, 100, 100}))))
    EXPECT_EQ(owner, FL_NO_MEMBER);
}

TEST(EarlierOwners, ASlotThatMovesRemembersWhoHadItAndTheOthersNothing) {
  Generations generations;
  const auto before = owners(generations.next(pool({100, 100, 100})));

  const auto view = generations.next(pool({100, 50, 100}));

  const auto after = owners(view);
  const auto past = earlier(view);
  unsigned moved = 0;
  for (std::size_t s = 0; s < before.size(); ++s) {
    EXPECT_EQ(past[s], before[s] == after[s] ? FL_NO_MEMBER : before[s]);
    moved += before[s] != after[s];
  }
  EXPECT_GT(moved, 100U);
}

TEST(EarlierOwners, ThePastOutlivesGenerationsThatDoNotMoveTheSlot) {
  Generations generations;
  generations.next(pool({100, 100, 100}));
  const auto then = generations.next(pool({100, 50, 100}));
  const auto owner_then = owners(then);
  const auto past = earlier(then);

  const auto view = generations.next(pool({90, 50, 100}));

  const auto now = owners(view);
  const auto past_now = earlier(view);
  for (std::size_t s = 0; s < now.size(); ++s)
    EXPECT_EQ(past_now[s], now[s] == owner_then[s] ? past[s] : owner_then[s]);
}

TEST(EarlierOwners, ARestartedControlRemembersAndPublishesNothingNew) {
  Generations generations;
  generations.next(pool({100, 100, 100}));
  const auto past = earlier(generations.next(pool({100, 50, 100})));

  generations.restart();
  const auto again = earlier(generations.next(pool({100, 50, 100})));

  EXPECT_EQ(past, again);
  EXPECT_FALSE(generations.changed());
}

TEST(EarlierOwners, ARestartPublishesNothingNewWhateverTheHistory) {
  Generations generations;
  generations.next(pool({100, 100, 100}));
  generations.next(pool({100, 20, 100}));
  generations.next(pool({20, 100, 100}));
  generations.next(pool({100, 100, 20}));
  const auto before = earlier(generations.next(pool({60, 100, 100})));
  generations.restart();

  const auto after = earlier(generations.next(pool({60, 100, 100})));

  EXPECT_EQ(after, before);
  EXPECT_FALSE(generations.changed());
}

TEST(EarlierOwners, WhoHasLeftThePoolIsForgotten) {
  Generations generations;
  generations.next(pool({100, 100, 100}));

  const auto view = generations.next(pool({100, 100}));

  for (const std::uint32_t owner : earlier(view)) EXPECT_EQ(owner, FL_NO_MEMBER);
}

TEST(EarlierOwners, ANewSizeHasNoPast) {
  Generations generations;
  generations.next(pool({100, 100, 100}));
  generations.next(pool({100, 50, 100}));

  for (const std::uint32_t owner : earlier(generations.next(pool({100, 50, 100}, 2039))))
    EXPECT_EQ(owner, FL_NO_MEMBER);
}

TEST(EarlierOwners, AVipIsFoundByItsAddressAlone) {
  Generations generations;
  const auto view = generations.next(pool({100}));
  const std::uint64_t address = net::IpAddr::v4(203, 0, 113, 10).bytes[0] | 0x0a710000ULL;

  EXPECT_EQ(view.find_address(address, 0, 4), &view.vips()[0]);
  EXPECT_EQ(view.find_address(address + 1, 0, 4), nullptr);
  EXPECT_EQ(view.find_address(address, 0, 6), nullptr);
}

}  // namespace
}  // namespace fairlead::steering
