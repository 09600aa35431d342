// SPDX-License-Identifier: BSD-3-Clause
// The ring of events: order, kinds, readers that come too late, wakers.
#include "control/api/events.hh"

#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace fairlead::api {
namespace {

Event event(const char* kind, const char* what) {
  Event e;
  e.kind = kind;
  e.what = what;
  return e;
}

TEST(EventRing, GivesNumbersAndReadsOnWhereAReaderWas) {
  EventRing ring(8);
  ring.append(event("health", "down"));
  ring.append(event("config", "in force"));
  ring.append(event("health", "up"));

  const auto page = ring.read(0, "health", 10);
  ASSERT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.events[0].id, 1U);
  EXPECT_EQ(page.events[1].what, "up");
  EXPECT_EQ(page.next, 3U);
  EXPECT_EQ(page.missed, 0U);
  EXPECT_TRUE(ring.read(page.next, "", 10).events.empty());
}

TEST(EventRing, LimitEndsAPageAndTheNextGoesOn) {
  EventRing ring(8);
  for (int i = 0; i < 5; ++i) ring.append(event("drain", "begins"));

  const auto first = ring.read(0, "", 2);
  const auto second = ring.read(first.next, "", 2);
  EXPECT_EQ(first.events.back().id, 2U);
  EXPECT_EQ(second.events.front().id, 3U);
}

TEST(EventRing, WhoComesTooLateIsToldHowManyAreGone) {
  EventRing ring(4);
  for (int i = 0; i < 10; ++i) ring.append(event("generation", "published"));

  const auto page = ring.read(2, "", 100);
  EXPECT_EQ(page.missed, 4U);  // 3, 4, 5, 6
  ASSERT_EQ(page.events.size(), 4U);
  EXPECT_EQ(page.events.front().id, 7U);
  EXPECT_EQ(page.events.back().id, 10U);
}

TEST(EventRing, ANumberFromBeforeARestartBeginsAtTheNewest) {
  EventRing ring(4);
  ring.append(event("health", "up"));

  EXPECT_EQ(ring.read(1000, "", 10).next, 1U);
  EXPECT_EQ(ring.read(1000, "", 10).missed, 0U);
}

TEST(EventRing, WakesSubscribersUntilTheyAreForgotten) {
  EventRing ring(4);
  int woken = 0;
  EXPECT_FALSE(ring.watched());
  const std::uint64_t key = ring.subscribe([&woken] { ++woken; });
  ring.append(event("health", "up"));
  EXPECT_TRUE(ring.watched());
  ring.forget(key);
  ring.append(event("health", "down"));

  EXPECT_EQ(woken, 1);
}

TEST(EventRing, AReaderInAnotherThreadGetsEveryEventOnceOrIsToldThatItMissedIt) {
  constexpr std::uint64_t kEvents = 20000;
  EventRing ring(64);
  std::thread writer([&ring] {
    for (std::uint64_t i = 0; i < kEvents; ++i) ring.append(event("health", "up"));
  });
  std::uint64_t after = 0;
  std::uint64_t seen = 0;
  std::uint64_t missed = 0;
  while (after < kEvents) {
    const auto page = ring.read(after, "", 16);
    missed += page.missed;
    for (const Event& e : page.events) {
      EXPECT_EQ(e.id, ++seen + missed);
    }
    after = page.next;
  }
  writer.join();

  EXPECT_EQ(seen + missed, kEvents);
}

TEST(EventJson, LeavesOutWhatDoesNotApply) {
  Event e = event("health", "down");
  e.id = 7;
  e.at_us = 5;
  e.backend = "b1";

  EXPECT_EQ(
      to_json(e).dump(), R"({"at_us":5,"backend":"b1","id":7,"kind":"health","what":"down"})"
  );
}

}  // namespace
}  // namespace fairlead::api
