// SPDX-License-Identifier: BSD-3-Clause
// Reading the load from kernel texts and from a service's JSON.
#include "ebpf/agent_load.hh"

#include <gtest/gtest.h>

namespace fairlead::agent {
namespace {

TEST(LoadJson, TakesAnySubsetAndIgnoresUnknownFields) {
  const auto load = parse_load_json(
      R"({"cpu_utilization":0.5,"active_connections":12,"completed":9,"named_metrics":{"a":1}})"
  );

  ASSERT_TRUE(load) << load.error().what;
  EXPECT_EQ(load->cpu_utilization, 0.5);
  EXPECT_EQ(load->active_connections, 12U);
  EXPECT_EQ(load->completed, 9U);
  EXPECT_FALSE(load->mem_utilization);
  EXPECT_EQ(*parse_load_json("{}"), Load{});
}

TEST(LoadJson, RefusesWhatIsNoMeasurement) {
  for (const char* text :
       {"",
        "[]",
        "{",
        "12",
        R"({"cpu_utilization":"0.5"})",
        R"({"cpu_utilization":-0.1})",
        R"({"cpu_utilization":1e9})",
        R"({"cpu_utilization":1e999})",
        R"({"mem_utilization":1.5})",
        R"({"active_connections":-1})",
        R"({"active_connections":5e9})",
        R"({"capacity":true})",
        R"({"completed":[1]})",
        R"({"mean_latency_us":NaN})"}) {
    EXPECT_FALSE(parse_load_json(text)) << text;
  }
}

TEST(Load, ServiceValuesGoBeforeTheKernels) {
  Load service;
  service.cpu_utilization = 0.9;
  Load kernel;
  kernel.cpu_utilization = 0.1;
  kernel.mem_utilization = 0.2;

  const Load both = merged(service, kernel);

  EXPECT_EQ(both.cpu_utilization, 0.9);
  EXPECT_EQ(both.mem_utilization, 0.2);
}

TEST(ProcStat, CountsEverythingButIdleIoWaitAndStealAsBusy) {
  const auto ticks = parse_proc_stat("cpu  10 1 20 100 7 2 3 5 10 0\ncpu0 1 1 1 1\n");

  ASSERT_TRUE(ticks);
  EXPECT_EQ(ticks->busy, 36U);
  EXPECT_EQ(ticks->total, 148U);
}

TEST(ProcStat, RefusesOtherTexts) {
  for (const char* text :
       {"", "cpu", "cpu  1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu  a b c d e f g h"}) {
    EXPECT_FALSE(parse_proc_stat(text)) << text;
  }
}

TEST(CpuShare, IsBusyOverTotalBetweenTwoReadings) {
  EXPECT_EQ(cpu_share({.busy = 10, .total = 100}, {.busy = 35, .total = 200}), 0.25);
  EXPECT_FALSE(cpu_share({.busy = 10, .total = 100}, {.busy = 10, .total = 100}));
  EXPECT_FALSE(cpu_share({.busy = 10, .total = 100}, {.busy = 5, .total = 200}));
}

TEST(Cgroup, ReadsUsageAndQuota) {
  EXPECT_EQ(parse_cgroup_usage("usage_usec 123\nuser_usec 100\n"), 123U);
  EXPECT_EQ(parse_cgroup_usage("user_usec 100\nusage_usec 7\n"), 7U);
  EXPECT_FALSE(parse_cgroup_usage("user_usec 100\n"));
  EXPECT_EQ(parse_cgroup_cores("150000 100000\n"), 1.5);
  EXPECT_FALSE(parse_cgroup_cores("max 100000\n"));
  EXPECT_FALSE(parse_cgroup_cores(""));
}

TEST(Meminfo, IsWhatIsNotAvailable) {
  EXPECT_EQ(parse_meminfo("MemTotal:   1000 kB\nMemFree: 1 kB\nMemAvailable:  250 kB\n"), 0.75);
  EXPECT_FALSE(parse_meminfo("MemTotal: 1000 kB\n"));
  EXPECT_FALSE(parse_meminfo("MemTotal: 0 kB\nMemAvailable: 0 kB\n"));
}

}  // namespace
}  // namespace fairlead::agent
