// SPDX-License-Identifier: BSD-3-Clause
// What a turn costs, counted: one that only changes weights builds no key, map or list for each
// (vip, backend). Ids are longer than what a string holds in itself, so whoever looks up by name
// allocates; 100 pools of 1000 backends, turned ten times a second, have no time for that.
#include <cstdlib>
#include <memory>
#include <new>

#include <gtest/gtest.h>

#include "control/intents.hh"

namespace {
unsigned long allocations = 0;  // of this program's one thread
}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* const memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace fairlead::control {
namespace {

constexpr std::size_t kVips = 20;
constexpr std::size_t kBackends = 200;

std::vector<model::Vip> shared_pool() {
  std::vector<model::Vip> vips(kVips);
  for (std::size_t v = 0; v < kVips; ++v) {
    vips[v].name = "a-vip-with-a-long-name-" + std::to_string(v);
    vips[v].prefix = {net::IpAddr::v4(203, 0, 113, static_cast<std::uint8_t>(v)), 32};
    vips[v].port = 80;
    vips[v].table_size = 2039;
    for (std::size_t b = 0; b < kBackends; ++b) {
      model::Backend backend;
      backend.id = "a-backend-with-a-long-name-" + std::to_string(b);
      backend.address = net::IpAddr::v4(10, 0, 0, static_cast<std::uint8_t>(b));
      vips[v].backends.push_back(std::move(backend));
    }
  }
  return vips;
}

/// Turns as the daemon makes them, with other weights each time.
class Turns {
 public:
  Turns() {
    checks_.configure(vips_, 0, [](const auto&, const auto&) { return health::State::kUp; });
    rows_.configure(vips_, checks_);
  }

  /// Allocations of the whole turn.
  unsigned long turn() {
    now_ += base::kSecond;
    const unsigned long before = allocations;
    checks_.settle(now_);
    rows_.renew(operators_, intake_);
    weights_.turn(
        rows_.index(),
        {model::PolicyName::kStatic, {}, now_},
        [&](std::uint32_t v) {
          std::vector<PoolWeights::Standing> out(rows_.row(v).base_weight.size());
          for (std::uint32_t i = 0; i < out.size(); ++i)
            out[i] = {rows_.row(v).base_weight[i] + i + turns_, true};
          return out;
        },
        [](std::uint32_t) { return policy::Observation(); }
    );
    const auto& pools = intents_.renew({vips_, rows_, checks_, weights_, bases_, false});
    const steering::Plan plan = steering_.plan(pools, {}, now_).value();
    EXPECT_TRUE(plan.changed);
    EXPECT_TRUE(steering::encode(plan, turns_ + 1, 1, {bank_.get(), kBytes}));
    steering_.commit(plan);
    ++turns_;
    return allocations - before;
  }

 private:
  static constexpr std::size_t kBytes = 4 << 20;
  const std::vector<model::Vip> vips_ = shared_pool();
  health::Checks checks_;
  OperatorState operators_;
  monitor::Intake intake_;
  PoolRows rows_;
  PoolWeights weights_;
  FleetBases bases_;
  IntentRows intents_;
  steering::Steering steering_;
  std::unique_ptr<std::byte, decltype(&std::free)> bank_{
      static_cast<std::byte*>(std::aligned_alloc(64, kBytes)), &std::free};
  base::Nanoseconds now_ = 0;
  unsigned turns_ = 0;
};

TEST(TurnCost, DoesNotGrowWithVipsTimesBackends) {
  Turns turns;
  const unsigned long first = turns.turn();
  turns.turn();
  const unsigned long usual = turns.turn();

  EXPECT_GT(first, kVips * kBackends) << "else it counts nothing";
  // Of each vip some lists, of each backend its estimate, reasons and numbers.
  EXPECT_LT(usual, 40 * kVips + 12 * kBackends);
  EXPECT_LT(usual, kVips * kBackends);
}

}  // namespace
}  // namespace fairlead::control
