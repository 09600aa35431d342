// SPDX-License-Identifier: BSD-3-Clause
// A process that crashes leaves its pages without a heartbeat, and dies by the signal all the same.
#include "dataplane/crash_notice.hh"

#include <csignal>
#include <functional>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

class CrashNotice : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "these signals are the sanitizer's";
#endif
    void* const at = ::mmap(
        nullptr, sizeof(fl_workers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0
    );
    ASSERT_NE(at, MAP_FAILED);
    workers = static_cast<fl_workers*>(at);
  }
  void TearDown() override {
    if (workers != nullptr) ::munmap(workers, sizeof(fl_workers));
  }
  /// Ends a process, which has page 0 (page 1 is another's), by `crash`; by which signal it died.
  int die_by(const std::function<void()>& crash, bool told = true) const {
    const pid_t child = ::fork();
    if (child == 0) {
      const rlimit none{0, 0};
      (void)::setrlimit(RLIMIT_CORE, &none);
      workers->worker[0].pid = static_cast<std::uint32_t>(::getpid());
      workers->worker[1].pid = 1;
      workers->worker[0].heartbeat_ns = workers->worker[1].heartbeat_ns = 7;
      tell_crashes(workers);
      if (!told) tell_crashes(nullptr);
      crash();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

  fl_workers* workers = nullptr;
};

TEST_F(CrashNotice, EverySignalOfACrashEndsTheHeartbeatAndTheProcess) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    EXPECT_EQ(die_by([signal] { (void)::raise(signal); }), signal);
    EXPECT_EQ(workers->worker[0].heartbeat_ns, 0U) << signal;
    EXPECT_EQ(workers->worker[1].heartbeat_ns, 7U) << "another process's";
  }
}

TEST_F(CrashNotice, AFaultIsACrash) {
  const auto write_nowhere = [] {
    volatile int* const nowhere = reinterpret_cast<int*>(::getpagesize() / 2);
    *nowhere = 1;
  };
  EXPECT_EQ(die_by(write_nowhere), SIGSEGV);
  EXPECT_EQ(workers->worker[0].heartbeat_ns, 0U);
}

TEST_F(CrashNotice, AfterTheEndNothingIsTold) {
  EXPECT_EQ(die_by([] { (void)::raise(SIGSEGV); }, false), SIGSEGV);
  EXPECT_EQ(workers->worker[0].heartbeat_ns, 7U);
}

}  // namespace
}  // namespace fairlead::dataplane
