// SPDX-License-Identifier: BSD-3-Clause
// Agent-check lines and Prometheus pages: what they say, and what is refused.
#include "control/monitor/load_text.hh"

#include <cmath>

#include <gtest/gtest.h>

namespace fairlead::monitor {
namespace {

TEST(AgentCheck, Says) {
  struct Case {
    const char* line;
    std::optional<double> share;
    std::optional<std::uint32_t> capacity;
    std::optional<bool> serving;
  };
  for (const Case& c : {
           Case{"75%\n", 0.75, std::nullopt, std::nullopt},
           Case{"up 12.5%\r\n", 0.125, std::nullopt, true},
           Case{"ready,100%,maxconn:30", 1.0, 30U, true},
           Case{"drain", std::nullopt, std::nullopt, false},
           Case{"\tmaint # for an hour 50%\n", std::nullopt, std::nullopt, false},
           Case{"failed#disk\n", std::nullopt, std::nullopt, false},
           Case{"0%\nup\n", 0.0, std::nullopt, std::nullopt},
       }) {
    const auto said = parse_agent_check(c.line);
    ASSERT_TRUE(said) << c.line << said.error().what;
    EXPECT_EQ(said->share, c.share) << c.line;
    EXPECT_EQ(said->capacity, c.capacity) << c.line;
    EXPECT_EQ(said->serving, c.serving) << c.line;
  }
}

TEST(AgentCheck, Refuses) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "agent-check: an empty line"},
      {"# nothing\n", "agent-check: an empty line"},
      {"uP\n", "agent-check: unknown word 'uP'"},
      {"-5%", "agent-check: '-5%' is not 0% to 1000%"},
      {"1001%", "agent-check: '1001%' is not 0% to 1000%"},
      {"nan%", "agent-check: 'nan%' is not 0% to 1000%"},
      {"%", "agent-check: '%' is not 0% to 1000%"},
      {"up maxconn:-1", "agent-check: 'maxconn:-1' is no number of connections"},
      {"maxconn:99999999999", "agent-check: 'maxconn:99999999999' is no number of connections"},
      {"HTTP/1.1 400", "agent-check: unknown word 'HTTP/1.1'"},
  };
  for (const auto& [line, message] : cases) {
    const auto said = parse_agent_check(line);
    ASSERT_FALSE(said) << line;
    EXPECT_EQ(said.error().what, message);
  }
}

constexpr const char* kBefore =
    R"(# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 1000
node_cpu_seconds_total{cpu="0",mode="iowait"} 10
node_cpu_seconds_total{cpu="0",mode="user"} 100
node_cpu_seconds_total{cpu="1",mode="idle"} 1000
node_memory_MemAvailable_bytes 3e+09
node_memory_MemTotal_bytes 4e+09
node_netstat_Tcp_CurrEstab 17
http_requests_total{code="200"} 5000
http_requests_total{code="500"} 100
http_request_duration_seconds_sum 50
http_request_duration_seconds_count 5100
)";
constexpr const char* kNow = R"(node_cpu_seconds_total{cpu="0",mode="idle"} 1001 1395066363000
node_cpu_seconds_total{cpu="0",mode="iowait"} 11
node_cpu_seconds_total{cpu="0",mode="user"} 102
node_cpu_seconds_total{cpu="1",mode="idle"} 1000
node_memory_MemAvailable_bytes 1e+09
node_memory_MemTotal_bytes 4e+09
node_netstat_Tcp_CurrEstab 19
http_requests_total{code="200"} 5200
http_requests_total{code="500"} 100
http_request_duration_seconds_sum 52
http_request_duration_seconds_count 5300
)";

TEST(Scrape, WhatHappenedBetweenTwo) {
  const model::ScrapeNames names{"http_requests_total", "", "", "http_request_duration_seconds"};
  const auto before = read_scrape(kBefore, names);
  const auto now = read_scrape(kNow, names);
  ASSERT_TRUE(before && now);
  const LoadReport r = between(*before, *now, 2 * base::kSecond);
  EXPECT_DOUBLE_EQ(r.cpu, 0.5);
  EXPECT_DOUBLE_EQ(r.memory, 0.75);
  EXPECT_DOUBLE_EQ(r.requests_per_second, 100);
  EXPECT_DOUBLE_EQ(r.latency_us, 10'000);
  EXPECT_DOUBLE_EQ(r.active, 19);
  EXPECT_EQ(r.completed, 5300U);
  EXPECT_EQ(r.period_us, 2'000'000U);
  EXPECT_EQ(r.untold, 0U);
}

TEST(Scrape, CountersThatBeganAnewCountFromZero) {
  const model::ScrapeNames names{"n", "", "", ""};
  const auto before = read_scrape("n 1000\n", names);
  const auto now = read_scrape("n 20\n", names);
  const LoadReport r = between(*before, *now, base::kSecond);
  EXPECT_DOUBLE_EQ(r.requests_per_second, 20);
  EXPECT_EQ(r.untold, kCpuUntold | kMemoryUntold | kActiveUntold);
}

TEST(Scrape, LabelsMayHoldWhatLooksLikeOthers) {
  const std::string_view labels = R"(path="/a\"b},mode=\"idle",mode="user",x="")";
  EXPECT_EQ(label(labels, "mode"), "user");
  EXPECT_EQ(label(labels, "path"), R"(/a\"b},mode=\"idle)");
  EXPECT_EQ(label(labels, "x"), "");
  EXPECT_EQ(label(labels, "y"), "");
  const model::ScrapeNames names{"n", "", "", ""};
  const auto scrape = read_scrape("n{p=\"}\\\"} 5\"} 7\n", names);
  ASSERT_TRUE(scrape);
  EXPECT_DOUBLE_EQ(scrape->requests, 7);
}

TEST(Scrape, RefusesWhatIsNone) {
  for (const char* page : {
           "<html>\n",
           "n\n",
           "n {} \n",
           "n{a=\"b\" 1\n",
           "n 1x\n",
           "n 1 soon\n",
           "0n 1\n",
           "n 1\nn{\n",
       })
    EXPECT_FALSE(read_scrape(page, {})) << page;
  const auto second = read_scrape("n 1\nn 1 soon\n", {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "line 2 is no sample of Prometheus");
}

TEST(Scrape, TakesNanAndInfinityForTheIntakeToRefuse) {
  const model::ScrapeNames names{"", "", "n", ""};
  for (const char* value : {"NaN", "+Inf", "-Inf"}) {
    const auto scrape = read_scrape(std::string("n ") + value + "\n", names);
    ASSERT_TRUE(scrape) << value;
    EXPECT_FALSE(std::isfinite(*scrape->active)) << value;
  }
}

}  // namespace
}  // namespace fairlead::monitor
