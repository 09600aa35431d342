// SPDX-License-Identifier: BSD-3-Clause
// show flow ...: of tables in memory, and of a file.
#include "control/api/flow_answers.hh"

#include <filesystem>
#include <numeric>
#include <set>

#include <unistd.h>

#include <gtest/gtest.h>

#include "control/api/flow_file.hh"
#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"
#include "tests/unit/control/api/ask_flows.hh"

namespace fairlead::api {
namespace {

using nlohmann::json;
using testing::packet;

/// Two workers with flows of two vips (web: b1, b2; dns: b2), from packets.
struct Node {
  Node() : bank(table()), workers(2) {
    names.vips = {"web", "dns"};
    names.backends = {"b1", "b2"};
    for (unsigned w = 0; w < 2; ++w) {
      workers[w].use(bank.view());
      for (std::uint16_t port = 1000; port < 1100; ++port) {
        const auto tcp = [&](const char* flags) {
          workers[w].run_one(packet().ipv4("198.51.100.7", "203.0.113.20").tcp(port, 80, flags));
        };
        tcp("S");
        if (port % 2 == 0) tcp("A");
        if (port % 10 == 0) tcp("FA");
        if (w == 1) workers[w].run_one(packet().ipv4("198.51.100.7", "203.0.113.21").udp(port, 53));
      }
    }
  }
  static testing::TestTable table() {
    testing::TestTable out;
    out.vips = {
        {.prefix = "203.0.113.20",
         .members = {{.address = "10.0.1.1", .backend = 0}, {.address = "10.0.1.2", .backend = 1}}},
        {.prefix = "203.0.113.21",
         .protocol = net::IpProto::kUdp,
         .port = 53,
         .members = {{.address = "10.0.1.2", .backend = 1}}}};
    return out;
  }
  FlowSource source() {
    return {
        {{0, workers[0].context().flows}, {1, workers[1].context().flows}},
        bank.view(),
        names,
        workers[0].context().now + 2 * base::kSecond};
  }
  json ask(const std::string& command, const json& arguments = json::object()) {
    return ask_flows(source(), command, arguments);
  }
  testing::TestBank bank;
  steer::Names names;
  std::vector<testing::TestWorker> workers;
};

TEST(FlowAnswers, CountsByWorkerStateAndBackend) {
  Node node;
  const json all = node.ask("show flow");

  EXPECT_EQ(100U, all["workers"][0]["entries"]);
  EXPECT_EQ(200U, all["workers"][1]["entries"]);
  EXPECT_EQ(50U, all["workers"][0]["new"]);
  EXPECT_EQ(40U, all["workers"][0]["confirmed"]);
  EXPECT_EQ(10U, all["workers"][0]["closing"]);
  std::uint64_t open = 0;
  for (const json& row : all["backends"]) open += row["flows"].get<std::uint64_t>();
  EXPECT_EQ(90U + 90U + 100U, open);
  EXPECT_EQ(1U, node.ask("show flow", {{"vip", "dns"}})["backends"].size());
  EXPECT_EQ(1U, node.ask("show flow", {{"worker", 1}})["workers"].size());
}

TEST(FlowAnswers, ListsEveryFlowOnceChunkByChunk) {
  Node node;
  std::multiset<std::string> seen;
  json arguments = {{"limit", 17}};
  for (unsigned chunks = 0;; ++chunks) {
    ASSERT_LT(chunks, 40U);
    const json answer = node.ask("show flow list", arguments);
    EXPECT_LE(answer["flows"].size(), 17U + FL_FLOW_ENTRIES);
    for (const json& row : answer["flows"])
      seen.insert(row["worker"].dump() + row["id"].get<std::string>());
    if (!answer.contains("next")) break;
    arguments["cursor"] = answer["next"];
  }

  EXPECT_EQ(300U, seen.size());
  EXPECT_EQ(300U, std::set<std::string>(seen.begin(), seen.end()).size());
}

TEST(FlowAnswers, ListsWhatTheFiltersSelect) {
  Node node;
  const json rows = node.ask(
      "show flow list", {{"limit", 1000}, {"vip", "web"}, {"state", "closing"}, {"worker", 0}}
  )["flows"];
  ASSERT_EQ(10U, rows.size());
  for (const json& row : rows) {
    EXPECT_EQ("web", row["vip"]);
    EXPECT_EQ("closing", row["state"]);
    EXPECT_EQ(0U, row["worker"]);
    EXPECT_EQ(2000U, row["age_ms"]);
  }
  EXPECT_EQ(
      100U,
      node.ask("show flow list", {{"limit", 1000}, {"vip", "dns"}, {"backend", "b2"}})["flows"]
          .size()
  );
}

TEST(FlowAnswers, HistogramsHoldEveryEntryAndBucket) {
  Node node;
  const json stats = node.ask("show flow stats");
  std::uint64_t buckets = 0;
  std::uint64_t entries = 0;
  std::uint64_t aged = 0;
  for (const json& row : stats["fill"]) {
    buckets += row["buckets"].get<std::uint64_t>();
    entries += row["buckets"].get<std::uint64_t>() * row["entries"].get<std::uint64_t>();
  }
  for (const json& row : stats["ages"])
    for (const char* state : {"new", "confirmed", "closing", "reset", "adopted"})
      aged += row[state].get<std::uint64_t>();

  EXPECT_EQ(128U, buckets);
  EXPECT_EQ(300U, entries);
  EXPECT_EQ(300U, aged);
  EXPECT_EQ(40U + 40U, stats["ages"][1]["confirmed"]);  // 1 to 4 s
}

TEST(FlowAnswers, FindsTheFlowOfATupleUnderTheIdOfTheList) {
  Node node;
  const json found = node.ask(
      "show flow tuple",
      {{"protocol", "tcp"},
       {"src", "198.51.100.7"},
       {"sport", 1002},
       {"dst", "203.0.113.20"},
       {"dport", 80}}
  );

  EXPECT_EQ("confirmed", found["state"]);
  const json rows = node.ask("show flow list", {{"limit", 1000}, {"worker", 0}})["flows"];
  EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), [&](const json& row) {
    return row["id"] == found["id"] && row["backend"] == found["backend"];
  }));
}

TEST(FlowAnswers, UnknownNamesAreNotFound) {
  Node node;
  const auto request = parse_request(R"({"command":"show flow","arguments":{"vip":"wbe"}})");
  const auto answer = answer_flows(*request, node.source());

  ASSERT_FALSE(answer);
  EXPECT_EQ(base::ErrorCode::kNotFound, answer.error().code);
  EXPECT_EQ("no vip 'wbe'; known: web, dns", answer.error().what);
}

TEST(FlowFile, AnswersWithoutAnyDaemon) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("flow_file." + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "flows.3").string();
  const shm::RegionSpec spec{FL_REGION_FLOWS, flow::FlowTable::region_bytes(64), 64};
  {
    auto region = shm::Region::create_or_attach(path, spec, 1).value();
    auto table = flow::FlowTable::attach({region.data(), region.bytes()}).value();
    const auto tcp = [](std::uint32_t) -> std::uint8_t { return 6; };
    for (std::uint64_t i = 1; i <= 20; ++i)
      (void)table.insert(i << 40 | i, 1, flow::FlowState::kConfirmed, 5, {}, tcp);
  }

  const auto list = answer_from_file(path, "show flow list", json::object());
  const auto stats = answer_from_file(path, "show flow stats", json::object());
  const json tuple = {
      {"protocol", "tcp"}, {"src", "1.2.3.4"}, {"sport", 1}, {"dst", "1.2.3.5"}, {"dport", 2}};
  const auto lookup = answer_from_file(path, "show flow tuple", tuple);
  const auto missing = answer_from_file(path + "x", "show flow", json::object());
  std::filesystem::remove_all(folder);

  ASSERT_TRUE(list) << list.error().what;
  EXPECT_EQ(20U, (*list)["flows"].size());
  EXPECT_EQ(3U, (*list)["flows"][0]["worker"]);
  ASSERT_TRUE(stats);
  EXPECT_EQ(20U, (*stats)["workers"][0]["confirmed"]);
  EXPECT_FALSE(lookup);  // without a steering file the key is not known
  EXPECT_FALSE(missing);
}

}  // namespace
}  // namespace fairlead::api
