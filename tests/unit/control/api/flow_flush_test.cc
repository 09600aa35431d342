// SPDX-License-Identifier: BSD-3-Clause
// flush flow ... file: in the folder that a data plane left, made by the test.
#include "control/api/flow_flush.hh"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <stdlib.h>  // mkdtemp
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "control/api/flow_file.hh"
#include "dataplane/path/flow_state.hh"
#include "dataplane/shm/lock_holder.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/steer/bank_checksum.hh"
#include "dataplane/steer/handover.h"
#include "tests/testing/test_bank.hh"

namespace fairlead::api {
namespace {

using nlohmann::json;

constexpr std::uint64_t kTableBuckets = 128;
constexpr unsigned kFlows = 100;  // of each member in each table
constexpr std::uint64_t kBankBytes = 1 << 20;

/// A runtime directory with the tables of two workers: vips 0 and 1 with backends 0 and 1 each, and
/// `kFlows` confirmed flows of every member, counted in flight.
class FlushAtRest : public ::testing::Test {
 protected:
  FlushAtRest() {
    char name[] = "/tmp/fl-flush-XXXXXX";
    folder_ = ::mkdtemp(name);
    steering_ = make("steering", shm::steering_spec(kBankBytes));
    workers_ = make("workers", shm::workers_spec());
    publish(1);
    for (unsigned w = 0; w < 2; ++w) {
      const shm::RegionSpec spec{
          FL_REGION_FLOWS, flow::FlowTable::region_bytes(kTableBuckets), kTableBuckets};
      flows_.push_back(make("flows." + std::to_string(w), spec));
      fill(w);
    }
  }
  FlushAtRest(const FlushAtRest&) = delete;
  FlushAtRest& operator=(const FlushAtRest&) = delete;
  ~FlushAtRest() override { std::filesystem::remove_all(folder_); }

  shm::Region make(const std::string& name, const shm::RegionSpec& spec) const {
    return std::move(*shm::Region::create_or_attach(folder_ + "/" + name, spec, 1));
  }
  void publish(std::uint64_t generation) {
    const std::vector<testing::TestMember> members = {
        {.address = "10.0.1.1", .backend = 0}, {.address = "10.0.1.2", .backend = 1}};
    testing::TestTable table;
    table.generation = generation;
    table.vips = {
        {.prefix = "203.0.113.20", .members = members},
        {.prefix = "203.0.113.21", .members = members}};
    const testing::TestBank bank(table);
    std::byte* at = steering_.data() + FL_BANKS_OFFSET + generation % FL_BANKS * kBankBytes;
    std::memcpy(at, &bank.view().bank(), bank.view().bank().used_bytes);
    add_names(*reinterpret_cast<fl_bank*>(at));
    steering_.at<fl_current>(FL_LINE_BYTES)->generation = generation;
  }
  /// v0, v1, b0, b1 behind the rest.
  static void add_names(fl_bank& bank) {
    auto* to = reinterpret_cast<std::byte*>(&bank) + bank.used_bytes;
    bank.names_line = static_cast<std::uint32_t>(bank.used_bytes / FL_LINE_BYTES);
    for (const auto& [kind, letter] : {std::pair{FL_NAME_VIP, 'v'}, {FL_NAME_BACKEND, 'b'}})
      for (std::uint8_t number = 0; number < 2; ++number) {
        const fl_name record{{number, 0, 0, 0}, static_cast<std::uint8_t>(kind), 2};
        const char text[] = {letter, static_cast<char>('0' + number)};
        std::memcpy(to, &record, sizeof record);
        std::memcpy(to + sizeof record, text, sizeof text);
        to += sizeof record + sizeof text;
      }
    bank.names_bytes = 4 * (sizeof(fl_name) + 2);
    bank.used_bytes += FL_LINE_BYTES;
    bank.checksum = steer::bank_checksum(&bank, bank.used_bytes);
  }
  void fill(unsigned w) {
    auto table = flow::FlowTable::attach({flows_[w].data(), flows_[w].bytes()}).value();
    const auto tcp = [](std::uint32_t) -> std::uint8_t { return 6; };
    for (std::uint64_t i = 0; i < 4 * kFlows; ++i) {
      const std::uint64_t hash = i * 0x9e3779b97f4a7c15ULL;
      const auto member = static_cast<std::uint32_t>(i % 4);
      ASSERT_NE(
          table.insert(hash, member, flow::FlowState::kConfirmed, 0, {}, tcp).outcome,
          flow::FlowTable::Outcome::kRefused
      );
      ++page(w).backends[member % 2].in_flight;
    }
    page(w).flows = 4 * kFlows;
    pages().worker_count = w + 1;
  }
  fl_workers& pages() { return *workers_.at<fl_workers>(0); }
  fl_worker_page& page(unsigned w) { return pages().worker[w]; }
  [[nodiscard]] unsigned left(const char* what, const json& arguments) const {
    const auto answer = answer_from_file(folder_ + "/" + what, "show flow", arguments);
    unsigned count = 0;
    for (const json& row : (*answer)["backends"]) count += row["flows"].get<unsigned>();
    return count;
  }
  /// Time goes on by naps alone.
  FlushTime time() {
    return {
        [this] { return now_; },
        [this](base::Nanoseconds nap) {
          now_ += nap;
          ++naps_;
          return on_nap_ == nullptr || on_nap_();
        }};
  }
  [[nodiscard]] base::Result<json> flush(const char* what, const json& arguments) {
    return flush_at_rest(folder_ + what, arguments, time());
  }

  std::string folder_;
  shm::Region steering_;
  shm::Region workers_;
  std::vector<shm::Region> flows_;
  base::Nanoseconds now_ = base::kSecond;
  unsigned naps_ = 0;
  std::function<bool()> on_nap_;
};

const json kWebB1 = {{"vip", "v0"}, {"backend", "b1"}, {"rate", 1'000'000U}};

TEST_F(FlushAtRest, ForgetsWhatIsMeantInOneTableAndKeepsTheBooks) {
  const auto answer = flush("/flows.1", kWebB1);

  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ((*answer)["flushed"], kFlows);
  EXPECT_EQ((*answer)["complete"], true);
  EXPECT_EQ((*answer)["workers"].size(), 1U);
  EXPECT_EQ(left("flows.0", {{"vip", "v0"}, {"backend", "b1"}}), kFlows) << "another worker's";
  EXPECT_EQ(left("flows.1", {{"vip", "v0"}, {"backend", "b1"}}), 0U);
  EXPECT_EQ(left("flows.1", json::object()), 3 * kFlows);
  EXPECT_EQ(page(1).flows, 3 * kFlows);
  EXPECT_EQ(page(1).backends[1].in_flight, kFlows);
  EXPECT_EQ(page(1).backends[0].in_flight, 2 * kFlows);
  EXPECT_EQ(page(1).flow_events[FL_EVENT_FLUSHED], kFlows);
  EXPECT_EQ(page(1).vips[0].events[FL_EVENT_FLUSHED], kFlows);
  EXPECT_EQ(page(1).vips[1].events[FL_EVENT_FLUSHED], 0U);
  EXPECT_EQ(fl_sign_of(&page(1))->lock, static_cast<std::uint32_t>(FL_LOCK_FREE));
}

TEST_F(FlushAtRest, AFolderMeansAllItsTables) {
  const auto answer = flush("", {{"backend", "b0"}, {"rate", 1'000'000U}});

  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ((*answer)["flushed"], 4 * kFlows);
  EXPECT_EQ(left("", {{"backend", "b0"}}), 0U);
  EXPECT_EQ(left("", {{"backend", "b1"}}), 4 * kFlows);
}

TEST_F(FlushAtRest, ForgetsNoMoreThanItsRateAllowsAndBeginsWithoutCredit) {
  const base::Nanoseconds begun = now_;
  std::uint64_t most = 0;
  on_nap_ = [&] {
    const std::uint64_t gone =
        page(0).flow_events[FL_EVENT_FLUSHED] + page(1).flow_events[FL_EVENT_FLUSHED];
    EXPECT_LE(gone * base::kSecond, 500 * (now_ - begun)) << "after " << now_ - begun << " ns";
    most = std::max(most, gone);
    return true;
  };
  ASSERT_TRUE(flush("", {{"vip", "v1"}, {"rate", 500U}}));
  EXPECT_GT(most, kFlows);
  EXPECT_NEAR(static_cast<double>(now_ - begun) / 1e9, 4.0 * kFlows / 500, 0.1);
}

TEST_F(FlushAtRest, IsRefusedWhileADataPlaneLivesAndEndsWhenOneStarts) {
  {
    auto other = shm::Region::attach(folder_ + "/workers", FL_REGION_WORKERS, shm::Access::kRead);
    ASSERT_TRUE(other->lock_writer());
    const auto refused = flush("", kWebB1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::kFailedPrecondition);
    EXPECT_NE(refused.error().what.find(std::to_string(::getpid())), std::string::npos);
    EXPECT_EQ(page(0).flow_events[FL_EVENT_FLUSHED], 0U);
  }
  auto starts = shm::Region::attach(folder_ + "/workers", FL_REGION_WORKERS, shm::Access::kRead);
  on_nap_ = [&] {
    // It need not wait: between two pieces the lock is free.
    if (naps_ == 60) {
      EXPECT_TRUE(starts->lock_writer());
    }
    return true;
  };
  const auto ended = flush("", {{"vip", "v0"}, {"rate", 300U}});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, base::ErrorCode::kFailedPrecondition);
  EXPECT_NE(ended.error().what.find("flows are forgotten already"), std::string::npos);
  EXPECT_GT(left("", {{"vip", "v0"}}), 0U);
}

TEST_F(FlushAtRest, EndsWhereItsCallerWantsAndSaysHowFarItCame) {
  on_nap_ = [this] { return naps_ < 10; };

  const auto answer = flush("/flows.0", {{"vip", "v0"}, {"rate", 200U}});

  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ((*answer)["complete"], false);
  EXPECT_LT((*answer)["workers"][0]["buckets_passed"].get<std::uint64_t>(), kTableBuckets);
  EXPECT_EQ(left("flows.0", {{"vip", "v0"}}), 2 * kFlows - (*answer)["flushed"].get<unsigned>());
}

TEST_F(FlushAtRest, WaitsForAPacketThatTheGateHasInHand) {
  fl_sign& sign = *fl_sign_of(&page(0));
  sign.lock = FL_LOCK_GATE;
  std::atomic<bool> let_go{false};
  std::jthread gate([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    let_go = page(0).flow_events[FL_EVENT_FLUSHED] == 0;
    __atomic_store_n(&sign.lock, FL_LOCK_FREE, __ATOMIC_SEQ_CST);
  });

  ASSERT_TRUE(flush("/flows.0", kWebB1));

  EXPECT_TRUE(let_go) << "nothing was written before";
  EXPECT_EQ(page(0).flow_events[FL_EVENT_FLUSHED], kFlows);
}

TEST_F(FlushAtRest, TakesOverALockThatADeadOneLeft) {
  fl_sign& sign = *fl_sign_of(&page(0));
  sign.lock = FL_LOCK_TOOL;  // of a tool that was killed
  ASSERT_TRUE(flush("/flows.0", kWebB1));
  EXPECT_EQ(sign.lock, static_cast<std::uint32_t>(FL_LOCK_FREE));

  sign.lock = FL_LOCK_DATAPLANE;  // of a data plane that was
  ASSERT_TRUE(flush("/flows.0", {{"vip", "v0"}, {"rate", 1'000'000U}}));
  EXPECT_EQ(sign.lock, static_cast<std::uint32_t>(FL_LOCK_FREE));
}

TEST_F(FlushAtRest, AGenerationThatIsPublishedMeanwhileIsFollowed) {
  on_nap_ = [this] {
    if (naps_ == 5) {
      publish(2);
    }
    if (naps_ == 6) {  // nobody reads the bank of before any more
      std::memset(steering_.data() + FL_BANKS_OFFSET + kBankBytes, 0xff, kBankBytes);
    }
    return true;
  };

  const auto answer = flush("", {{"vip", "v1"}, {"backend", "b0"}, {"rate", 1000U}});

  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ((*answer)["flushed"], 2 * kFlows);
  EXPECT_EQ(left("", json::object()), 6 * kFlows);
}

TEST_F(FlushAtRest, RefusesWhatItCannotMean) {
  EXPECT_EQ(flush("", json::object()).error().code, base::ErrorCode::kInvalidArgument);
  EXPECT_EQ(flush("", {{"vip", "none"}}).error().code, base::ErrorCode::kNotFound);
  EXPECT_EQ(flush("/flows.7", kWebB1).error().code, base::ErrorCode::kInvalidArgument);
  EXPECT_EQ(flush("/steering", kWebB1).error().code, base::ErrorCode::kInvalidArgument);
  std::filesystem::remove(folder_ + "/workers");
  EXPECT_EQ(flush("/flows.0", kWebB1).error().code, base::ErrorCode::kInvalidArgument);
  steering_.at<fl_current>(FL_LINE_BYTES)->generation = 0;
  EXPECT_FALSE(flush("/flows.0", kWebB1));
}

TEST_F(FlushAtRest, ControlOpensALockThatAKilledToolLeft) {
  const std::string path = folder_ + "/workers";
  fl_sign_of(&page(1))->lock = FL_LOCK_TOOL;
  {
    const sys::UniqueFd at_work = shm::borrow_lock(path);
    open_forgotten_locks(pages(), path);
    EXPECT_EQ(fl_sign_of(&page(1))->lock, static_cast<std::uint32_t>(FL_LOCK_TOOL));
  }
  open_forgotten_locks(pages(), path);
  EXPECT_EQ(fl_sign_of(&page(1))->lock, static_cast<std::uint32_t>(FL_LOCK_FREE));

  fl_sign_of(&page(1))->lock = FL_LOCK_GATE;
  open_forgotten_locks(pages(), path);
  EXPECT_EQ(fl_sign_of(&page(1))->lock, static_cast<std::uint32_t>(FL_LOCK_GATE));
}

}  // namespace
}  // namespace fairlead::api
