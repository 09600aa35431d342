// SPDX-License-Identifier: BSD-3-Clause
// The end of a worker's thread makes its heartbeat 0, whatever it ends by; nobody else's end does.
#include "ebpf/exit_watch.hh"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <gtest/gtest.h>

#include "dataplane/steer/handover.h"
#include "dataplane/sys/unique_fd.hh"
#include "ebpf/bpffs.hh"
#include "tests/testing/eventually.hh"
#include "tests/unit/ebpf/program_run.hh"

namespace fairlead::ebpf {
namespace {

constexpr std::uint64_t kBeat = 12345;

/// A region of workers' pages, as a map.
class Pages {
 public:
  Pages() {
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    options.map_flags = BPF_F_MMAPABLE;
    const auto lines = static_cast<std::uint32_t>(sizeof(fl_workers) / FL_LINE_BYTES);
    fd_ =
        sys::UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "pages", 4, FL_LINE_BYTES, lines, &options)
        );
    void* const at =
        ::mmap(nullptr, sizeof(fl_workers), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (at == MAP_FAILED) throw std::runtime_error("mmap");
    workers_ = static_cast<fl_workers*>(at);
  }
  ~Pages() { ::munmap(workers_, sizeof(fl_workers)); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  void sign(unsigned worker, pid_t pid, pid_t thread, std::uint64_t space = 0) {
    fl_worker_page& page = workers_->worker[worker];
    page.pid = static_cast<std::uint32_t>(pid);
    *fl_thread_of(&page) = static_cast<std::uint32_t>(thread);
    page.heartbeat_ns = kBeat;
    *fl_namespace_of(&page) = space;
    workers_->workers_running = std::max(workers_->workers_running, worker + 1);
  }
  [[nodiscard]] std::uint64_t beat(unsigned worker) const {
    return __atomic_load_n(&workers_->worker[worker].heartbeat_ns, __ATOMIC_ACQUIRE);
  }

 private:
  sys::UniqueFd fd_;
  fl_workers* workers_ = nullptr;
};

/// A process that waits; returns when `meanwhile(pid)` has returned and `signal` has ended it.
void with_process(int signal, const std::function<void(pid_t)>& meanwhile) {
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  meanwhile(child);
  ::kill(child, signal);
  ::waitpid(child, nullptr, 0);
}

class ExitWatch : public ::testing::Test {
 protected:
  void SetUp() override {
    FL_SKIP_UNLESS_ROOT();
    if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    char pattern[] = "/tmp/fairlead-exits-XXXXXX";
    dir_ = ::mkdtemp(pattern);
    ASSERT_TRUE(ensure_bpffs(bpf()));
    pages_.emplace();
  }
  void TearDown() override {
    if (dir_.empty()) return;
    unwatch_exits(bpf());
    ::umount(bpf().c_str());
    std::filesystem::remove_all(dir_);
  }
  [[nodiscard]] std::string bpf() const { return dir_ + "/bpf"; }
  void watch() {
    const auto watching = watch_exits(pages_->fd(), bpf());
    ASSERT_TRUE(watching) << watching.error().what;
  }

  std::string dir_;
  std::optional<Pages> pages_;
};

TEST_F(ExitWatch, AWorkerOfAKilledProcessHasNoHeartbeat) {
  watch();
  with_process(SIGKILL, [&](pid_t child) {
    pages_->sign(0, ::getpid(), ::gettid());
    pages_->sign(1, child, child);
    pages_->sign(2, child, ::gettid());  // another process's number
    pages_->sign(3, child, child, 1);    // the same number in another pid namespace
  });
  EXPECT_EQ(pages_->beat(0), kBeat) << "of a process that lives";
  EXPECT_EQ(pages_->beat(1), 0U);
  EXPECT_EQ(pages_->beat(2), kBeat) << "of a thread that lives";
  EXPECT_EQ(pages_->beat(3), kBeat) << "of another thread by that number";
}

TEST_F(ExitWatch, AThreadEndsAloneAndOnlyItsWorkerIsGone) {
  watch();
  std::thread worker([&] {
    pages_->sign(0, ::getpid(), ::gettid());
    pages_->sign(1, ::getpid(), ::getpid());
  });
  worker.join();
  // join() may return before the kernel is done with the thread.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (pages_->beat(0) != 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(pages_->beat(0), 0U);
  EXPECT_EQ(pages_->beat(1), kBeat);
}

TEST_F(ExitWatch, TheNextControlWatchesItsOwnRegionAndUnloadingEndsIt) {
  watch();
  Pages next;
  ASSERT_TRUE(watch_exits(next.fd(), bpf())) << "the pin of a predecessor is replaced";
  with_process(SIGKILL, [&](pid_t child) {
    pages_->sign(0, child, child);
    next.sign(0, child, child);
  });
  EXPECT_EQ(pages_->beat(0), kBeat) << "the predecessor's program still runs";
  EXPECT_EQ(next.beat(0), 0U);

  unwatch_exits(bpf());
  // The kernel takes a program whose pin is gone off its tracepoint a moment later (a work queue).
  const auto survives = [&] {
    with_process(SIGKILL, [&](pid_t child) { next.sign(0, child, child); });
    return next.beat(0) == kBeat;
  };
  EXPECT_TRUE(testing::eventually(survives)) << "a program stayed behind";
}

TEST_F(ExitWatch, AMapThatIsNoRegionIsAnErrorInOneLine) {
  const auto watching = watch_exits(-1, bpf());
  ASSERT_FALSE(watching);
  EXPECT_EQ(watching.error().what.find('\n'), std::string::npos) << watching.error().what;
}

}  // namespace
}  // namespace fairlead::ebpf
