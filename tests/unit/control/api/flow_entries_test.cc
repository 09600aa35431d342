// SPDX-License-Identifier: BSD-3-Clause
// show flow ...: of entries that the test has put into the tables itself, so that every figure of
// an answer is known.
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "control/api/flow_answers.hh"
#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"
#include "tests/unit/control/api/ask_flows.hh"

namespace fairlead::api {
namespace {

using flow::FlowState;
using nlohmann::json;

constexpr flow::Tick kTicksPerSecond = base::kSecond / FL_FLOW_TICK_NS;

// Members by number; number 5 is free and has no flows. No vip has the number of a backend of its
// own.
constexpr std::uint32_t kWebC = 0;
constexpr std::uint32_t kWebB = 1;
constexpr std::uint32_t kDnsC = 2;
constexpr std::uint32_t kDnsA = 3;
constexpr std::uint32_t kFreeD = 4;    // of dns once
constexpr std::uint32_t kUnknown = 6;  // the table has no such member

/// Tables of two workers without flows.
struct Tables {
  explicit Tables(std::uint64_t buckets = 64) : bank(table()) {
    names.vips = {"web", "dns"};
    names.backends = {"a", "b", "c", "d", "e"};
    for (unsigned w = 0; w < 2; ++w) {
      memory.emplace_back(buckets);
      flows.push_back({w, flow::FlowTable::attach(memory[w].region()).value()});
    }
  }
  static testing::TestTable table() {
    testing::TestTable out;
    out.vips = {
        {.prefix = "203.0.113.20",
         .members = {{.address = "10.0.1.3", .backend = 2}, {.address = "10.0.1.2", .backend = 1}}},
        {.prefix = "203.0.113.21",
         .members = {
             {.address = "10.0.1.3", .backend = 2},
             {.address = "10.0.1.1", .backend = 0},
             {.address = "10.0.1.4", .state = FL_MEMBER_FREE, .backend = 3},
             {.address = "10.0.1.5", .state = FL_MEMBER_FREE, .backend = 4}}}};
    return out;
  }
  /// Enters a flow whose last packet came `age` ticks ago; home bucket: low bits of `hash`.
  void enter(
      unsigned worker,
      std::uint64_t hash,
      std::uint32_t member,
      FlowState state = FlowState::kConfirmed,
      unsigned age = 0
  ) {
    const auto tcp = [](std::uint32_t) -> std::uint8_t { return 6; };
    const auto seen = static_cast<flow::Tick>(flow::tick_of(now) - age);
    flow::FlowTable& to = flows[worker].table;
    ASSERT_EQ(
        flow::FlowTable::Outcome::kInserted, to.insert(hash, member, state, seen, {}, tcp).outcome
    );
  }
  /// Flows of every member: as many of each as its number + 1, at both workers.
  void enter_some_of_every_member() {
    std::uint64_t hash = 0;
    for (const std::uint32_t member : {kWebC, kWebB, kDnsC, kDnsA, kFreeD, kUnknown})
      for (std::uint32_t i = 0; i <= member; ++i, ++hash)
        enter(static_cast<unsigned>(hash % 2), hash, member);
  }
  json ask(const std::string& command, const json& arguments = json::object()) {
    return ask_flows({flows, bank.view(), names, now}, command, arguments);
  }
  std::size_t listed(json arguments) {
    arguments["limit"] = 1000;
    return ask("show flow list", arguments)["flows"].size();
  }

  testing::TestBank bank;
  steer::Names names;
  base::Nanoseconds now = 10000 * base::kSecond;
  std::vector<testing::FlowMemory> memory;
  std::vector<WorkerFlows> flows;
};

json backend_row(const char* vip, const char* backend, unsigned flows) {
  return {{"vip", vip}, {"backend", backend}, {"flows", flows}};
}

TEST(FlowEntries, CountGivesEachBackendOfAVipItsOwnOpenFlows) {
  Tables tables;
  tables.enter_some_of_every_member();
  tables.enter(0, 60, kWebC, FlowState::kNew);
  for (const FlowState ended : {FlowState::kClosing, FlowState::kReset, FlowState::kAdopted})
    tables.enter(1, 60, kWebB, ended);

  const json web = {backend_row("web", "c", 2), backend_row("web", "b", 2)};
  EXPECT_EQ(web, tables.ask("show flow", {{"vip", "web"}})["backends"]);
  const json all = tables.ask("show flow")["backends"];
  ASSERT_LE(4U, all.size());
  EXPECT_EQ(web[0], all[0]);
  EXPECT_EQ(web[1], all[1]);
  EXPECT_EQ(backend_row("dns", "c", 3), all[2]);
  EXPECT_EQ(backend_row("dns", "a", 4), all[3]);
}

TEST(FlowEntries, AFreeMemberIsCountedWhileItHasFlows) {
  Tables tables;
  const json dns = {backend_row("dns", "c", 0), backend_row("dns", "a", 0)};
  EXPECT_EQ(dns, tables.ask("show flow", {{"vip", "dns"}})["backends"]);

  for (std::uint64_t hash = 0; hash < 5; ++hash) tables.enter(1, hash, kFreeD);

  const json with_free = {dns[0], dns[1], backend_row("dns", "d", 5)};
  EXPECT_EQ(with_free, tables.ask("show flow", {{"vip", "dns"}})["backends"]);
}

TEST(FlowEntries, CountOfABackendHasItsRowsOnly) {
  Tables tables;
  tables.enter_some_of_every_member();

  const json both = {backend_row("web", "c", 1), backend_row("dns", "c", 3)};
  const json one = json::array({backend_row("dns", "c", 3)});
  EXPECT_EQ(both, tables.ask("show flow", {{"backend", "c"}})["backends"]);
  EXPECT_EQ(one, tables.ask("show flow", {{"backend", "c"}, {"vip", "dns"}})["backends"]);
}

TEST(FlowEntries, ListOfABackendHasItsFlowsOnly) {
  Tables tables;
  tables.enter_some_of_every_member();

  const json rows = tables.ask("show flow list", {{"backend", "c"}})["flows"];
  std::multiset<std::string> vips;
  for (const json& row : rows) {
    EXPECT_EQ("c", row.value("backend", "none"));
    vips.insert(row.value("vip", "none"));
  }
  EXPECT_EQ((std::multiset<std::string>{"web", "dns", "dns", "dns"}), vips);
  EXPECT_EQ(2U, tables.listed({{"backend", "b"}}));
  EXPECT_EQ(0U, tables.listed({{"backend", "b"}, {"vip", "dns"}}));
}

TEST(FlowEntries, FlowsOfUnknownMembersAreListedUnlessAVipOrBackendIsAskedFor) {
  Tables tables;
  for (std::uint64_t hash = 0; hash < 3; ++hash) tables.enter(0, hash, kUnknown);
  tables.enter(1, 3, kWebC);

  EXPECT_EQ(4U, tables.listed(json::object()));
  EXPECT_EQ(3U, tables.listed({{"worker", 0}}));
  EXPECT_EQ(1U, tables.listed({{"vip", "web"}}));
  EXPECT_EQ(1U, tables.listed({{"backend", "c"}}));
  const json row = tables.ask("show flow list", {{"worker", 0}})["flows"][0];
  EXPECT_FALSE(row.contains("vip") || row.contains("backend")) << row;
}

TEST(FlowEntries, ATupleFindsAFlowOfItsOwnVipOnly) {
  const json arguments = {
      {"protocol", "tcp"},
      {"src", "198.51.100.7"},
      {"sport", 1002},
      {"dst", "203.0.113.20"},
      {"dport", 80}};
  const json question = {{"command", "show flow tuple"}, {"arguments", arguments}};
  const auto request = parse_request(question.dump());
  ASSERT_TRUE(request && request->tuple);
  Tables tables;
  const std::uint64_t hash = flow_hash(tables.bank.view(), *request->tuple);

  tables.enter(0, hash, kDnsC);  // another flow: as good as never, but its digest is the same
  EXPECT_EQ((json{{"found", false}}), tables.ask("show flow tuple", arguments));

  tables.enter(1, hash, kWebB, FlowState::kNew, 8);
  const json found = tables.ask("show flow tuple", arguments);
  ASSERT_EQ(true, found["found"]);
  EXPECT_EQ("b", found["backend"]);
  EXPECT_EQ(1U, found["worker"]);
  EXPECT_EQ("new", found["state"]);
  EXPECT_EQ(2000U, found["age_ms"]);
}

TEST(FlowEntries, AgesTellEveryStateByItsName) {
  Tables tables;
  std::uint64_t hash = 0;
  const std::vector<std::pair<FlowState, unsigned>> wanted = {
      {FlowState::kNew, 1},
      {FlowState::kConfirmed, 2},
      {FlowState::kClosing, 3},
      {FlowState::kReset, 4},
      {FlowState::kAdopted, 5}};
  for (const auto& [state, count] : wanted)
    for (unsigned i = 0; i < count; ++i) tables.enter(0, hash++, kWebC, state);

  const json expected = {
      {"below_s", 1}, {"new", 1}, {"confirmed", 2}, {"closing", 3}, {"reset", 4}, {"adopted", 5}};
  EXPECT_EQ(expected, tables.ask("show flow stats")["ages"][0]);
}

TEST(FlowEntries, AnAgeClassEndsJustBelowItsLimit) {
  const std::vector<unsigned> limits = {1, 4, 16, 60, 240, 900, 3600};  // seconds
  Tables tables;
  std::uint64_t hash = 0;
  for (const unsigned seconds : limits) {
    tables.enter(0, hash++, kWebC, FlowState::kConfirmed, seconds * kTicksPerSecond - 1);
    tables.enter(0, hash++, kWebC, FlowState::kClosing, seconds * kTicksPerSecond);
  }

  const json ages = tables.ask("show flow stats")["ages"];
  ASSERT_EQ(limits.size() + 1, ages.size());
  for (std::size_t i = 0; i < limits.size(); ++i) {
    EXPECT_EQ(limits[i], ages[i]["below_s"]);
    EXPECT_EQ(1U, ages[i]["confirmed"]) << "just below " << limits[i] << " s";
    EXPECT_EQ(1U, ages[i + 1]["closing"]) << "at " << limits[i] << " s";
  }
  EXPECT_FALSE(ages.back().contains("below_s"));
}

TEST(FlowEntries, StatsCountTheFlowsOutsideTheirHomes) {
  Tables tables;
  for (std::uint64_t i = 0; i < FL_FLOW_ENTRIES + 3; ++i) tables.enter(0, i << 48, kWebC);
  for (std::uint64_t i = 0; i < FL_FLOW_ENTRIES; ++i) tables.enter(1, i << 48, kWebC);

  const json workers = tables.ask("show flow stats")["workers"];
  EXPECT_EQ(3U, workers[0]["second_bucket"]);
  EXPECT_EQ(0U, workers[1]["second_bucket"]);
}

TEST(FlowEntries, LoadIsTheShareOfTheCapacityInUse) {
  Tables tables(64);
  for (std::uint64_t hash = 0; hash < 128; ++hash) tables.enter(1, hash, kWebC);

  for (const char* command : {"show flow", "show flow stats"}) {
    const json workers = tables.ask(command)["workers"];
    EXPECT_EQ(0.0, workers[0]["load"]) << command;
    EXPECT_EQ(64U, workers[1]["buckets"]) << command;
    EXPECT_EQ(512U, workers[1]["capacity"]) << command;
    EXPECT_EQ(0.25, workers[1]["load"]) << command;
  }
}

TEST(FlowEntries, AListWithoutALimitHas100FlowsAndSaysThatThereAreMore) {
  Tables tables(128);
  for (std::uint64_t hash = 0; hash < 128; ++hash) tables.enter(0, hash, kWebC);

  const json first = tables.ask("show flow list");
  ASSERT_TRUE(first.contains("next"));
  EXPECT_EQ(100U, first["flows"].size());
  const json rest = tables.ask("show flow list", {{"cursor", first["next"]}});
  EXPECT_EQ(28U, rest["flows"].size());
  EXPECT_FALSE(rest.contains("next"));
}

TEST(FlowEntries, AnAnswerReadsNoMoreThan16MiBOfTables) {
  constexpr std::uint64_t kBuckets = (8U << 20) / FL_LINE_BYTES;
  Tables tables(kBuckets);
  tables.flows.push_back({2, tables.flows[0].table});  // the third worker's: the first one's again
  tables.enter(0, 0, kWebC);
  tables.enter(1, kBuckets - 1, kWebC);

  const json first = tables.ask("show flow list");
  ASSERT_TRUE(first.contains("next"));
  EXPECT_EQ(2U, first["flows"].size());
  const json rest = tables.ask("show flow list", {{"cursor", first["next"]}});
  ASSERT_EQ(1U, rest["flows"].size());
  EXPECT_EQ(2U, rest["flows"][0]["worker"]);
  EXPECT_FALSE(rest.contains("next"));
}

}  // namespace
}  // namespace fairlead::api
