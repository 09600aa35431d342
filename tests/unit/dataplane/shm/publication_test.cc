// SPDX-License-Identifier: BSD-3-Clause
// The publication rule under real threads and processes: no torn read, no blocked writer.
#include "dataplane/shm/publication.hh"

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "dataplane/steer/bank_checksum.hh"
#include "dataplane/sys/system_clock.hh"

#if defined(__SANITIZE_THREAD__)
#define FL_THREAD_SANITIZER  // g++
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FL_THREAD_SANITIZER  // clang
#endif
#endif

namespace fairlead::shm {
namespace {

constexpr std::uint64_t kBankBytes = 8192;
constexpr base::Nanoseconds kNow = 100 * base::kSecond;

struct Regions {
  Region steering = *Region::anonymous(steering_spec(kBankBytes), kNow);
  Region workers = *Region::anonymous(workers_spec(), kNow);
  fl_worker_page* page(unsigned w) { return &workers.at<fl_workers>(0)->worker[w]; }
};

/// A bank that is all pattern: any mixture of two generations fails the checksum.
void fill(std::span<std::byte> bytes, std::uint64_t generation) {
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t word = generation * 0x9e3779b97f4a7c15ULL + at;
    std::memcpy(bytes.data() + at, &word, 8);
  }
  auto* bank = reinterpret_cast<fl_bank*>(bytes.data());
  bank->generation = generation;
  bank->checksum = steer::bank_checksum(bank, bytes.size());
}

/// Whole and of this generation. The reader gives way in the middle, so that a writer that may
/// overwrite the bank surely does.
bool whole(const fl_bank* bank, std::uint64_t generation) {
  const std::uint64_t first = bank->generation;
  sched_yield();
  return first == generation && bank->generation == generation &&
         steer::bank_checksum(bank, kBankBytes) == bank->checksum;
}

struct Tally {
  std::atomic<std::uint64_t> read{0};
  std::atomic<std::uint64_t> torn{0};
};

/// Reads until told to stop, going offline now and then.
void read_generations(
    Regions& regions, unsigned worker, const std::atomic<bool>& stop, Tally& tally
) {
  GenerationReader reader(regions.steering, regions.page(worker));
  for (std::uint64_t turn = 1; !stop.load(std::memory_order_relaxed); ++turn) {
    if (const fl_bank* bank = reader.current()) {
      ++tally.read;
      if (!whole(bank, reader.generation())) ++tally.torn;
    }
    if (turn % (3 + 4 * worker) == 0) reader.go_offline();
  }
  reader.go_offline();
}

/// Publishes until `generations` are out or `enough()`.
template <typename Enough>
void publish_generations(GenerationWriter& writer, std::uint64_t generations, Enough enough) {
  while (writer.generation() < generations && !enough()) {
    auto bank = writer.next_bank(kNow);
    if (!bank) {
      sched_yield();
      continue;
    }
    fill(bank->bytes, bank->generation);
    writer.publish(kNow);
  }
}

template <typename Gone, typename Enough>
void race(std::uint64_t generations, Gone gone, Tally& tally, Enough enough) {
  Regions regions;
  GenerationWriter writer(regions.steering, regions.workers, gone);
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (unsigned w = 0; w < 3; ++w)
    readers.emplace_back([&, w] { read_generations(regions, w, stop, tally); });
  publish_generations(writer, generations, enough);
  // Nobody waits for the readers, so on a crowded machine they may hardly have run.
  publish_generations(writer, ~std::uint64_t{0}, [&] { return enough() || tally.read > 1000; });
  stop = true;
  for (std::thread& r : readers) r.join();
}

TEST(Publication, NoReaderEverSeesATornBank) {
  Tally tally;
  race(
      20000,
      [](const fl_worker_page&, base::Nanoseconds) { return false; },
      tally,
      [] { return false; }
  );

  EXPECT_GT(tally.read, 1000u);
  EXPECT_EQ(tally.torn, 0u);
}

#ifndef FL_THREAD_SANITIZER
TEST(Publication, WithoutWaitingForAcknowledgementsReadersSeeTornBanks) {
  // The test above has teeth: a writer that takes every slow worker for dead breaks it.
  Tally tally;
  race(
      1'000'000,
      [](const fl_worker_page&, base::Nanoseconds) { return true; },
      tally,
      [&] { return tally.torn > 0; }
  );

  EXPECT_GT(tally.torn, 0u);
}
#endif

TEST(Publication, ReaderInAnotherProcessSeesOnlyWholeBanks) {
  Regions regions;
  GenerationWriter writer(regions.steering, regions.workers);
  const pid_t child = fork();
  if (child == 0) {
    GenerationReader reader(regions.steering, regions.page(0));
    bool torn = false;
    while (reader.generation() < 500)
      if (const fl_bank* bank = reader.current()) torn = torn || !whole(bank, reader.generation());
    reader.go_offline();
    _exit(torn ? 1 : 0);
  }
  regions.page(0)->heartbeat_ns = kNow;

  publish_generations(writer, 500, [] { return false; });

  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Publication, GoesOnFromWhatAnEarlierWriterPublished) {
  Regions regions;
  GenerationWriter first(regions.steering, regions.workers);
  publish_generations(first, 3, [] { return false; });

  GenerationWriter second(regions.steering, regions.workers);
  publish_generations(second, 4, [] { return false; });

  EXPECT_EQ(second.generation(), 4u);
  EXPECT_TRUE(whole(reinterpret_cast<const fl_bank*>(second.current_bank().data()), 4));
}

TEST(Publication, NothingPublishedMeansNoBankAndNobodyOnline) {
  Regions regions;
  GenerationReader reader(regions.steering, regions.page(0));
  GenerationWriter writer(regions.steering, regions.workers);

  EXPECT_EQ(reader.current(), nullptr);
  EXPECT_EQ(writer.acknowledged(1, kNow).online, 0u);
  EXPECT_TRUE(writer.current_bank().empty());
}

TEST(Publication, AcknowledgementSaysWhoIsBehind) {
  Regions regions;
  GenerationWriter writer(regions.steering, regions.workers);
  GenerationReader fast(regions.steering, regions.page(0));
  GenerationReader slow(regions.steering, regions.page(7));
  publish_generations(writer, 1, [] { return false; });
  fast.current();
  slow.current();
  regions.page(0)->heartbeat_ns = kNow;
  regions.page(7)->heartbeat_ns = kNow;
  regions.page(7)->pid = 77;
  publish_generations(writer, 2, [] { return false; });

  fast.current();

  const Acknowledgement a = writer.acknowledged(2, kNow);
  EXPECT_EQ(a.online, 2u);
  EXPECT_EQ(a.behind, 1u);
  EXPECT_EQ(a.lowest, 1u);
  ASSERT_EQ(writer.holders().size(), 1u);
  EXPECT_EQ(writer.holders()[0].worker, 7u);
  EXPECT_EQ(writer.holders()[0].pid, 77u);
  EXPECT_EQ(writer.holders()[0].generation, 1u);
  const Acknowledgement later = writer.acknowledged(2, kNow + kHeartbeatStale);
  EXPECT_TRUE(later.complete()) << "nobody waits for who hangs";
  slow.current();
  EXPECT_TRUE(writer.acknowledged(2, kNow).complete());
  EXPECT_TRUE(writer.holders().empty());
}

TEST(Publication, AWorkerThatStillReadsAReplacedRegionIsBehind) {
  Regions old;
  GenerationWriter before(old.steering, old.workers);
  GenerationReader reader(old.steering, old.page(0));
  old.page(0)->heartbeat_ns = kNow;
  publish_generations(before, 7, [] { return false; });
  reader.current();

  Region steering = *Region::anonymous(steering_spec(kBankBytes), kNow);
  GenerationWriter writer(steering, old.workers);
  publish_generations(writer, 2, [] { return false; });

  const Acknowledgement a = writer.acknowledged(2, kNow);
  EXPECT_EQ(a.online, 1u);
  EXPECT_EQ(a.behind, 1u);
  EXPECT_EQ(a.lowest, 0u);
  ASSERT_EQ(writer.holders().size(), 1u);
  EXPECT_EQ(writer.holders()[0].generation, 7u);
}

/// Publishes one more; its generation, or 0 while no bank is free.
std::uint64_t publish_one(GenerationWriter& writer, base::Nanoseconds now) {
  const auto bank = writer.next_bank(now);
  if (!bank) return 0;
  fill(bank->bytes, bank->generation);
  return writer.publish(now);
}

TEST(Publication, SlowWorkerKeepsItsBankAndNobodyWaitsForIt) {
  Regions regions;
  GenerationWriter writer(regions.steering, regions.workers);
  GenerationReader slow(regions.steering, regions.page(0));
  GenerationReader fast(regions.steering, regions.page(1));
  regions.page(0)->heartbeat_ns = kNow;
  regions.page(1)->heartbeat_ns = kNow;
  publish_generations(writer, 1, [] { return false; });
  const fl_bank* held = slow.current();

  std::vector<std::uint64_t> published;
  for (int i = 0; i < 8; ++i) {
    published.push_back(publish_one(writer, kNow));
    const fl_bank* bank = fast.current();
    EXPECT_TRUE(whole(bank, published.back()));
  }

  // 5, 9 and 13 are of the bank that the slow worker keeps.
  EXPECT_EQ(published, (std::vector<std::uint64_t>{2, 3, 4, 6, 7, 8, 10, 11}));
  EXPECT_TRUE(whole(held, 1));
  EXPECT_EQ(writer.holders().size(), 1u);
  EXPECT_TRUE(whole(slow.current(), 11));
}

TEST(Publication, TheBankInForceBeforeIsGivenOutLastAndNotAtOnce) {
  Regions regions;
  GenerationWriter writer(regions.steering, regions.workers);
  GenerationReader first(regions.steering, regions.page(0));
  GenerationReader second(regions.steering, regions.page(1));
  regions.page(0)->heartbeat_ns = kNow;
  regions.page(1)->heartbeat_ns = kNow;
  publish_generations(writer, 1, [] { return false; });
  first.current();
  publish_generations(writer, 2, [] { return false; });
  second.current();
  publish_generations(writer, 4, [] { return false; });

  const auto refused = writer.next_bank(kNow);
  ASSERT_FALSE(refused) << "1 and 2 are kept, 3 was in force a moment ago";
  EXPECT_EQ(refused.error().code, base::ErrorCode::kUnavailable);
  const auto given = writer.next_bank(kNow + kGrace);
  ASSERT_TRUE(given);
  EXPECT_EQ(given->generation, 7u);
  first.current();
  EXPECT_EQ(writer.next_bank(kNow)->generation, 5u);
}

TEST(Publication, HangingWorkerKeepsItsBankADeadOneDoesNot) {
  Regions regions;
  GenerationWriter writer(regions.steering, regions.workers);
  publish_generations(writer, 1, [] { return false; });
  const base::Nanoseconds start = sys::monotonic_ns();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    fl_worker_page* page = regions.page(0);
    page->pid = static_cast<std::uint32_t>(getpid());
    page->started_ns = sys::monotonic_ns();
    page->heartbeat_ns = start;
    GenerationReader reader(regions.steering, page);
    reader.current();
    if (write(ready[1], "r", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char r;
  ASSERT_EQ(read(ready[0], &r, 1), 1);
  publish_generations(writer, FL_BANKS, [] { return false; });
  const auto next_at = [&](base::Nanoseconds now) { return writer.next_bank(now)->generation; };
  EXPECT_EQ(next_at(start + base::kSecond / 2), 6u) << "heartbeat is fresh";
  EXPECT_EQ(next_at(start + 60 * base::kSecond), 6u) << "the process lives: it only hangs";

  kill(child, SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);  // still a zombie

  EXPECT_EQ(next_at(start + base::kSecond / 2), 6u) << "heartbeat is fresh";
  EXPECT_EQ(next_at(start + 60 * base::kSecond), 5u);
  EXPECT_EQ(regions.page(0)->ack, 0u);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

#ifndef FL_THREAD_SANITIZER
/// What happens while a reader is stopped between its first look and its word.
struct {
  GenerationWriter* writer = nullptr;
  void* memory_page = nullptr;
} stopped;

void on_store(int) {
  mprotect(stopped.memory_page, 4096, PROT_READ | PROT_WRITE);
  publish_generations(*stopped.writer, 6, [] { return false; });
}

TEST(Publication, ReaderThatIsStoppedBeforeItsWordLooksAgain) {
  Regions regions;
  GenerationWriter writer(regions.steering, regions.workers);
  GenerationReader reader(regions.steering, regions.page(0));
  publish_generations(writer, 1, [] { return false; });
  const auto at = reinterpret_cast<std::uintptr_t>(&regions.page(0)->ack);
  stopped = {&writer, reinterpret_cast<void*>(at / 4096 * 4096)};
  const auto before = signal(SIGSEGV, on_store);
  ASSERT_EQ(mprotect(stopped.memory_page, 4096, PROT_READ), 0);

  const fl_bank* bank = reader.current();  // its store faults, and 5 takes the bank of 1 meanwhile

  signal(SIGSEGV, before);
  EXPECT_EQ(reader.generation(), 6u);
  EXPECT_TRUE(whole(bank, reader.generation()));
}
#endif

TEST(Publication, YoungerProcessUnderTheSamePidIsNotTheWorker) {
  fl_worker_page page{};
  page.pid = static_cast<std::uint32_t>(getpid());
  page.started_ns = 1;  // long before this process began
  page.heartbeat_ns = 1;
  EXPECT_TRUE(worker_is_gone(page, sys::monotonic_ns()));

  page.started_ns = sys::monotonic_ns();
  EXPECT_FALSE(worker_is_gone(page, sys::monotonic_ns()));
}

}  // namespace
}  // namespace fairlead::shm
