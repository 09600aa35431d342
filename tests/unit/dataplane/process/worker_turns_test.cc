// SPDX-License-Identifier: BSD-3-Clause
// Whose turn it is and by which table, where both change at the worst moment: the worker is stopped
// inside a call of the driver, and others act meanwhile.
#include <algorithm>
#include <atomic>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/unit/dataplane/process/worker_on_rings.hh"

namespace fairlead::dataplane {
namespace {

class TwoQueues {
 public:
  TwoQueues() {
    for (unsigned i = 0; i < 10; ++i) bench.receive(syn(i), i % 2);
  }

  Bench bench{1024, PuntPath::kNone, false, 2};
};

TEST(WorkerTurns, QueuesThatTheGateTookDuringABurstAreServedUnderItsLockOnly) {
  TwoQueues queues;
  Bench& bench = queues.bench;
  std::uint32_t lock = FL_LOCK_FREE;
  Hook gate_takes = [&] { __atomic_store_n(&bench.sign().owner, FL_OWNER_GATE, __ATOMIC_SEQ_CST); };
  Hook look = [&] { lock = __atomic_load_n(&bench.sign().lock, __ATOMIC_SEQ_CST); };
  bench.at_receive(gate_takes, 0);
  bench.at_transmit(look, 1);

  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().tx_packets, 10U);
  EXPECT_EQ(lock, FL_LOCK_DATAPLANE) << "two writers of one page";
}

TEST(WorkerTurns, AGenerationThatComesDuringABurstHoldsForTheNextQueue) {
  TwoQueues queues;
  Bench& bench = queues.bench;
  std::uint64_t read = 0;
  Hook publish = [&] { bench.publish(); };
  Hook look = [&] { read = bench.page().ack; };
  bench.at_receive(publish, 0);
  bench.at_receive(look, 1);

  bench.start();
  bench.stop();

  EXPECT_EQ(bench.writer().generation(), 2U);
  EXPECT_EQ(read, 2U);
}

// Between two lives a worker says that it reads no table, so the one it has may be written over.
TEST(WorkerTurns, CountsTheFlowsThatItFindsByTheTableInForce) {
  constexpr std::uint32_t kNobody = 100;
  Bench bench;
  for (unsigned i = 0; i < 20; ++i) bench.receive(syn(i));
  bench.start();
  bench.stop();
  while (bench.writer().generation() < 4) bench.publish();
  const auto bank = *bench.writer().next_bank(sys::monotonic_ns());
  ASSERT_EQ(bank.generation % FL_BANKS, 1U) << "the bank of the worker's generation";
  const auto in_force = bench.writer().current_bank();
  std::copy(in_force.begin(), in_force.end(), bank.bytes.begin());
  const auto table = *steer::TableView::attach(bank.bytes.data(), bank.bytes.size());
  for (std::uint32_t m = 0; m < table.member_count(); ++m)
    const_cast<fl_member&>(table.member(m)).backend = kNobody;

  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().backends[kNobody].in_flight, 0);
  EXPECT_EQ(bench.page().backends[0].in_flight + bench.page().backends[1].in_flight, 20);
}

TEST(WorkerTurns, OneThatIsTendedIsNotTakenForItsDeadPredecessor) {
  Bench bench;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  bench.page().pid = static_cast<std::uint32_t>(child);
  bench.page().started_ns = sys::monotonic_ns();
  ASSERT_TRUE(shm::worker_is_gone(bench.page(), sys::monotonic_ns()));

  bench.worker().tend();

  EXPECT_FALSE(shm::worker_is_gone(bench.page(), sys::monotonic_ns()))
      << "its acknowledgement would be cleared while it reads";
}

TEST(WorkerTurns, IsTendedBetweenTwoPacketsOfTheGateThatServesItsQueue) {
  Bench bench;
  std::atomic<bool> begun{false};
  std::atomic<bool> released{false};
  bool saw = false;
  __atomic_store_n(&bench.sign().lock, FL_LOCK_GATE, __ATOMIC_SEQ_CST);
  std::jthread main_thread([&] {
    begun = true;
    bench.worker().tend();
    saw = released;
  });
  while (!begun) std::this_thread::yield();
  for (unsigned i = 0; i < 1000; ++i) std::this_thread::yield();

  released = true;
  __atomic_store_n(&bench.sign().lock, FL_LOCK_FREE, __ATOMIC_SEQ_CST);
  main_thread.join();

  EXPECT_TRUE(saw) << "it did not wait for the gate";
  EXPECT_EQ(bench.sign().lock, FL_LOCK_FREE);
}

}  // namespace
}  // namespace fairlead::dataplane
