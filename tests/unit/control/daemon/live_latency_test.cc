// SPDX-License-Identifier: BSD-3-Clause
// The node's forwarding latency on its way from the workers' pages to those who ask.
#include <cmath>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/shm/region.hh"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

/// The value of the metric whose line has both words; 0: there is none.
double metric(const std::string& text, const std::string& name, const std::string& label) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(name, 0) == 0 && line.find(label) != std::string::npos)
      return std::stod(line.substr(line.rfind(' ')));
  return 0;
}

TEST(ControlLatency, TheNodesLatencyIsTheLastSecondsInEveryPlace) {
  Backend b1(1);
  RunningControl control;
  control.serve_metrics();
  control.write_config({&b1});
  control.start();
  auto workers = shm::Region::attach(
      control.folder() + "/run/workers", FL_REGION_WORKERS, shm::Access::kReadWrite
  );
  ASSERT_TRUE(workers);
  auto* pages = workers->at<fl_workers>(0);
  pages->worker_count = 2;
  const auto in_metrics = [&control](const char* of) {
    const std::string label = "of=\"" + std::string(of) + "\"";
    return metric(control.metrics(), "fairlead_node_latency_seconds", label);
  };

  EXPECT_TRUE(control.eventually([&] {
    pages->worker[0].latency[fl_latency_bucket(4000)] +=
        970;  // counts as 3840, its bucket's middle
    pages->worker[1].latency[fl_latency_bucket(100'000)] += 30;  // 106,496
    return std::abs(in_metrics("p50") - 3.84e-6) < 1e-9 &&
           std::abs(in_metrics("p99") - 106.496e-6) < 1e-9 &&
           std::abs(in_metrics("mean") - (0.97 * 3.84e-6 + 0.03 * 106.496e-6)) < 1e-8;
  }));
  EXPECT_TRUE(control.eventually([&] {
    pages->worker[0].latency[fl_latency_bucket(4000)] += 970;
    pages->worker[1].latency[fl_latency_bucket(100'000)] += 30;
    const Json latency = control.result("show stats")["node_latency_us"];
    return latency.value("p50", 0.0) == 3.84 && latency.value("p99", 0.0) == 106.496;
  }));
}

}  // namespace
}  // namespace fairlead::control
