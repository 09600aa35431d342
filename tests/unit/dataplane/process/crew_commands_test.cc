// SPDX-License-Identifier: BSD-3-Clause
// What the process around the workers tells them: the console's commands, and how old flows get.
#include <gtest/gtest.h>

#include "dataplane/forward.hh"
#include "tests/unit/dataplane/process/crew_on_rings.hh"

namespace fairlead::dataplane {
namespace {

/// The process around the workers, as far as its commands for them are concerned.
class CrewCommands : public CrewOnRings {
 protected:
  /// Two workers on two queues.
  CrewCommands() {
    add_station(2);
    start(2);
    f_.regions.workers = std::move(workers_);
    f_.stations = std::move(stations_);
    f_.crew = std::move(crew_);
  }
  ~CrewCommands() override {
    crew_ = std::move(f_.crew);
    stations_ = std::move(f_.stations);
    workers_ = std::move(f_.regions.workers);
  }
  base::Result<nlohmann::json> set_count(unsigned count) {
    return answer(f_, "set worker count", {{"count", count}});
  }
  base::Result<nlohmann::json> ask(const std::string& command) {
    return answer(f_, command, nlohmann::json::object());
  }
  const config::Config config_ = *config::parse_config(config_text(1, 1), "test");
  Forwarder f_{config_};
};

TEST_F(CrewCommands, AtRestANumberOfWorkersCountsFromTheNextStartOn) {
  ASSERT_TRUE(ask("stop forwarding"));

  EXPECT_EQ(*set_count(1), (nlohmann::json{{"workers", 1}, {"before", 2}, {"forwarding", false}}));
  EXPECT_EQ(f_.crew->running(), 0U) << "only start ends a rest";

  EXPECT_EQ((*ask("start forwarding"))["workers"], 1);
  EXPECT_EQ(f_.crew->running(), 1U);
  EXPECT_EQ(*set_count(2), (nlohmann::json{{"workers", 2}, {"before", 1}}));
  EXPECT_EQ(f_.crew->running(), 2U);
}

TEST_F(CrewCommands, AtRestANumberThatCannotBeIsRefusedAtOnce) {
  ASSERT_TRUE(ask("stop forwarding"));

  EXPECT_EQ(set_count(0).error().code, base::ErrorCode::kInvalidArgument);
  EXPECT_EQ(set_count(kMost + 1).error().code, base::ErrorCode::kInvalidArgument);
  EXPECT_EQ(set_count(3).error().code, base::ErrorCode::kFailedPrecondition) << "two queues";
  EXPECT_EQ((*ask("start forwarding"))["workers"], 2);
}

TEST_F(CrewOnRings, FlowsGrowAsOldAsTheTableInForceLetsThem) {
  config::Config config = *config::parse_config(config_text(1, 1), "test");
  config.flows.idle_adopted = 5000 * base::kSecond;
  Forwarder f(config);
  f.regions.steering.push_back(*shm::Region::anonymous(shm::steering_spec(kBank), 1));
  EXPECT_EQ(longest_idle(f), 5000 * base::kSecond) << "no table yet";

  f.regions.steering.push_back(std::move(steering_region_));
  for (const auto limit :
       {&steering::NodeIntent::idle_new_ms,
        &steering::NodeIntent::idle_confirmed_ms,
        &steering::NodeIntent::idle_closing_ms,
        &steering::NodeIntent::idle_reset_ms,
        &steering::NodeIntent::idle_adopted_ms,
        &steering::NodeIntent::idle_udp_ms,
        &steering::NodeIntent::idle_udp_new_ms}) {
    node_ = {};
    node_.*limit = 1'000'000;
    publish(1, 1);
    EXPECT_EQ(longest_idle(f), 1000 * base::kSecond);
  }
}

}  // namespace
}  // namespace fairlead::dataplane
