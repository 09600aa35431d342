// SPDX-License-Identifier: BSD-3-Clause
// Workers that hang and keep banks: who waits for them, and what is told of it.
#include <algorithm>
#include <string>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "dataplane/shm/publication.hh"
#include "dataplane/sys/system_clock.hh"
#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

/// Workers of our own that take up a generation and then hang: alive, without a sign.
class HangingWorkers {
 public:
  explicit HangingWorkers(const std::string& run)
      : steering_(*shm::Region::attach(run + "steering", FL_REGION_STEERING, shm::Access::kRead)),
        workers_(*shm::Region::attach(run + "workers", FL_REGION_WORKERS, shm::Access::kReadWrite)
        ) {}
  ~HangingWorkers() {
    for (auto& reader : readers_) reader.go_offline();
  }
  void hang_one() {
    auto* pages = workers_.at<fl_workers>(0);
    fl_worker_page& page = pages->worker[readers_.size()];
    page.pid = static_cast<std::uint32_t>(::getpid());
    page.started_ns = page.heartbeat_ns = sys::monotonic_ns();
    readers_.emplace_back(steering_, &page);
    (void)readers_.back().current();
    pages->worker_count = pages->workers_running = static_cast<std::uint32_t>(readers_.size());
  }
  /// From now on they give signs of life; or are no workers any more, as after `stop`.
  void live() {
    const base::Nanoseconds until = sys::monotonic_ns() + 3600 * base::kSecond;
    auto* pages = workers_.at<fl_workers>(0);
    for (std::size_t w = 0; w < readers_.size(); ++w) pages->worker[w].heartbeat_ns = until;
  }
  void rest() { workers_.at<fl_workers>(0)->workers_running = 0; }
  void wake(std::size_t worker) { (void)readers_[worker].current(); }

 private:
  shm::Region steering_;
  shm::Region workers_;
  std::vector<shm::GenerationReader> readers_;
};

/// Sets a weight; true if a generation came from which on the answer says that it holds. That is
/// the next one, though its number may be passed over.
bool change_comes(const RunningControl& control, int weight) {
  const Json before = control.result("show status");
  const Json answer =
      control.result("set backend", {{"backend", "b1"}, {"vip", "web"}, {"weight", weight}});
  EXPECT_EQ(answer["generation"], before["generation"].get<int>() + 1);
  return control.eventually([&] {
    return control.result("show status")["generation"] >= answer["generation"];
  });
}

TEST(Control, NobodyWaitsForAWorkerThatHangs) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2});
  control.start();
  HangingWorkers hanging(control.folder() + "/run/");
  hanging.hang_one();

  for (int weight = 1; weight <= 8; ++weight) ASSERT_TRUE(change_comes(control, weight)) << weight;
  b2.stop();
  EXPECT_TRUE(control.eventually([&] { return control.backend("b2")["slots"] == 0; }));

  const std::string who = "worker 0 (pid " + std::to_string(::getpid()) + ") keeps generation ";
  EXPECT_TRUE(control.eventually([&] {
    const Json plane = control.result("show status")["dataplane"];
    return plane.value("behind", "").rfind(who, 0) == 0;
  }));
  EXPECT_TRUE(control.eventually([&] {  // told at the next look, 50 ms later at most
    const Json events = control.result("show events")["events"];
    return std::any_of(events.begin(), events.end(), [&](const Json& event) {
      return event["what"] == "held back" && event["cause"].get<std::string>().rfind(who, 0) == 0;
    });
  }));
  EXPECT_FALSE(control.result("show status")["dataplane"].contains("change_waits_s"));
}

TEST(Control, ADataPlaneThatAnOperatorStoppedIsToldAsStopped) {
  Backend b1(1);
  RunningControl control;
  control.write_config({&b1});
  control.start();
  const auto told = [&](const std::string& what, const std::string& cause) {
    return control.eventually([&] {
      const Json events = control.result("show events")["events"];
      return std::any_of(events.begin(), events.end(), [&](const Json& event) {
        return event["kind"] == "dataplane" && event["what"] == what &&
               event["cause"].get<std::string>().rfind(cause, 0) == 0;
      });
    });
  };
  HangingWorkers workers(control.folder() + "/run/");
  workers.hang_one();
  workers.live();
  ASSERT_TRUE(told("up", "pid " + std::to_string(::getpid()))) << control.result("show events");

  workers.rest();

  EXPECT_TRUE(told("down", "stopped, its process lives on: pid ")) << control.result("show events");
}

TEST(Control, AChangeThatFindsNoBankSaysForWhomItWaits) {
  Backend b1(1);
  Backend b2(2);
  RunningControl control;
  control.write_config({&b1, &b2});
  control.start();
  HangingWorkers hanging(control.folder() + "/run/");
  for (int weight = 1; weight <= 3; ++weight) {
    hanging.hang_one();
    ASSERT_TRUE(change_comes(control, weight)) << weight;
  }
  ASSERT_TRUE(control.eventually([&] {
    const Json plane = control.result("show status")["dataplane"];
    return plane.value("behind", "").find("worker 2") != std::string::npos;
  }));
  const Json before = control.result("show status");

  const Json answer = control.result("set backend", {{"backend", "b1"}, {"weight", 70}});

  EXPECT_EQ(answer["generation"], before["generation"].get<int>() + 1);
  EXPECT_NE(answer.value("waits", "").find("worker 0"), std::string::npos) << answer;
  EXPECT_TRUE(control.eventually([&] {
    return control.result("show status")["dataplane"].contains("change_waits_s");
  }));
  EXPECT_EQ(control.result("show status")["generation"], before["generation"]);
  hanging.wake(0);
  EXPECT_TRUE(control.eventually([&] {
    const Json status = control.result("show status");
    return status["generation"] > before["generation"] &&
           !status["dataplane"].contains("change_waits_s");
  }));
}

}  // namespace
}  // namespace fairlead::control
