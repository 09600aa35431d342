// SPDX-License-Identifier: BSD-3-Clause
// Server and clients over the loopback, with the regions that the planes read.

#include <netinet/in.h>

#include <gtest/gtest.h>

#include "control/exchange/client.hh"
#include "control/exchange/server.hh"
#include "tests/testing/eventually.hh"

namespace fairlead::exchange {
namespace {

using testing::eventually;

constexpr std::array<std::uint64_t, 2> kFleetKey = {1, 2};

std::string free_endpoint() {
  const sys::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
  const auto at = Endpoint::parse("127.0.0.1:0");
  EXPECT_EQ(::bind(fd.get(), at->get(), at->size), 0);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
  return "127.0.0.1:" + std::to_string(ntohs(bound.sin_port));
}

struct Node {
  Node(const std::string& name, std::vector<std::string> monitors, std::uint64_t key = 2)
      : workers(std::make_unique<fl_workers>()), scores(std::make_unique<fl_scores>()) {
    workers->worker_count = 2;
    auto started = Client::start(
        {.monitors = std::move(monitors),
         .node = name,
         .fleet_key = {1, key},
         .interval = 2 * base::kMillisecond},
        *workers,
        *scores
    );
    EXPECT_TRUE(started);
    client = std::move(*started);
  }
  void set(std::size_t worker, std::uint32_t number, std::uint32_t in_flight) const {
    __atomic_store_n(
        &workers->worker[worker].backends[number].in_flight, in_flight, __ATOMIC_RELAXED
    );
  }
  std::uint32_t external(std::size_t worker, std::uint32_t number) const {
    return __atomic_load_n(&scores->score[worker][number].external, __ATOMIC_RELAXED);
  }

  std::unique_ptr<fl_workers> workers;
  std::unique_ptr<fl_scores> scores;
  std::unique_ptr<Client> client;  // ends first
};

TEST(ExchangeThreads, EachWorkerSeesWhatIsInFlightThroughAllOthers) {
  const std::string at = free_endpoint();
  auto server = Server::start(at, Key(kFleetKey));
  ASSERT_TRUE(server) << server.error().what;
  const Node one("lb1", {at});
  const Node two("lb2", {at});
  one.client->set_backends({{"a", 0}, {"b", 1}});
  two.client->set_backends({{"a", 7}, {"b", 3}});  // nodes number them as they like
  one.set(0, 0, 10);
  one.set(1, 0, 20);
  two.set(0, 7, 100);
  two.set(0, 3, 5);

  EXPECT_TRUE(eventually([&] { return one.external(0, 0) == 120 && one.external(1, 0) == 110; }));
  EXPECT_TRUE(eventually([&] { return one.external(0, 1) == 5 && two.external(1, 7) == 130; }));
  EXPECT_TRUE(one.client->fresh());
  EXPECT_EQ((*server)->total("a"), 130U);
  EXPECT_EQ((*server)->figures().nodes, 2U);

  (*server).reset();
  EXPECT_TRUE(eventually([&] { return one.external(0, 0) == 20 && one.external(1, 0) == 10; }))
      << "what is elsewhere is unknown now";
  EXPECT_FALSE(one.client->fresh());
  auto again = Server::start(at, Key(kFleetKey));
  ASSERT_TRUE(again);
  EXPECT_TRUE(eventually([&] { return one.external(0, 0) == 120; }));
}

TEST(ExchangeThreads, WhoDoesNotHaveTheFleetsKeyIsNotHeard) {
  const std::string at = free_endpoint();
  auto server = Server::start(at, Key(kFleetKey));
  ASSERT_TRUE(server);
  const Node stranger("lb9", {at}, 3);
  stranger.client->set_backends({{"a", 0}});
  EXPECT_TRUE(eventually([&] { return (*server)->figures().malformed > 3; }));
  EXPECT_EQ((*server)->figures().nodes, 0U);
  EXPECT_FALSE(stranger.client->fresh());
}

TEST(ExchangeThreads, ADeadMonitorsPlaceIsTakenByTheNext) {
  const std::string first = free_endpoint();
  const std::string second = free_endpoint();
  auto a = Server::start(first, Key(kFleetKey));
  auto b = Server::start(second, Key(kFleetKey));
  ASSERT_TRUE(a && b);
  const Node one("lb1", {first, second});
  const Node two("lb2", {first, second});
  one.client->set_backends({{"a", 0}});
  two.client->set_backends({{"a", 0}});
  two.set(0, 0, 4);
  ASSERT_TRUE(eventually([&] { return one.external(0, 0) == 4; }));
  (*a).reset();
  two.set(0, 0, 6);
  EXPECT_TRUE(eventually([&] { return one.external(0, 0) == 6; }));
  EXPECT_EQ(one.client->state().in_use, 1U);
}

TEST(ExchangeThreads, ATakenPortIsRefusedInOneLine) {
  const std::string at = free_endpoint();
  auto server = Server::start(at, Key(kFleetKey));
  ASSERT_TRUE(server);
  const auto second = Server::start(at, Key(kFleetKey));
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().what.find(at), std::string::npos);
}

}  // namespace
}  // namespace fairlead::exchange
