// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/steer/flow_order.hh"

#include <thread>

#include <gtest/gtest.h>

namespace fairlead::steer {
namespace {

/// The order whose fields all say its number.
fl_flow_order uniform(std::uint32_t number) {
  fl_flow_order order{};
  order.hash = order.one_flow = order.vip = order.backend = order.per_second = number;
  return order;
}

TEST(FlowOrder, IsReadWholeOrNotAtAll) {
  constexpr std::uint32_t kLast = 5'000'000;
  fl_flow_order order{};
  std::jthread writer([&] {
    for (std::uint32_t number = 1; number <= kLast; ++number) write_order(order, uniform(number));
  });

  unsigned halves = 0;
  for (fl_flow_order got{}; got.sequence != kLast;) {
    const std::uint64_t sequence = __atomic_load_n(&order.sequence, __ATOMIC_ACQUIRE);
    fl_flow_order next{};
    if (!read_order(order, sequence, next)) continue;
    got = next;
    halves += got.hash != sequence || got.one_flow != sequence || got.vip != sequence ||
              got.backend != sequence || got.per_second != sequence;
  }

  EXPECT_EQ(0U, halves);
}

TEST(FlowOrder, OfAWriterThatDiedIsNobodysAndTheNextTakesItsPlace) {
  fl_flow_order order{};
  write_order(order, uniform(7));
  order.sequence = 2 | kOrderBeingWritten;
  fl_flow_order got{};
  EXPECT_FALSE(read_order(order, order.sequence, got));
  EXPECT_EQ(2U, order_number(order));

  EXPECT_EQ(3U, write_order(order, uniform(8)));

  EXPECT_TRUE(read_order(order, order.sequence, got));
  EXPECT_EQ(8U, got.vip);
  EXPECT_FALSE(read_order(order, 2, got)) << "replaced since it was looked at";
}

}  // namespace
}  // namespace fairlead::steer
