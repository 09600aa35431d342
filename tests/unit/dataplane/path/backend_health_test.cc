// SPDX-License-Identifier: BSD-3-Clause
// Passive ejection: the rule by itself, then through the pipeline.
#include "dataplane/path/backend_health.hh"

#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using base::kMillisecond;
using base::kSecond;
using testing::Frame;
using testing::packet;
using testing::TestBank;
using testing::TestWorker;

constexpr base::Nanoseconds kStart = 100 * kSecond;

TEST(BackendHealth, ThreeSilentSynsFor250MillisecondsEject) {
  fl_backend_counters b{};
  for (int i = 0; i < 3; ++i) note_syn(b, kStart);

  EXPECT_EQ(Standing::kGood, standing(b, kStart + kEjectSilence - 1));
  EXPECT_EQ(Standing::kEjected, standing(b, kStart + kEjectSilence));
  EXPECT_EQ(1U, b.ejections);
}

TEST(BackendHealth, TwoSilentSynsDoNotEject) {
  fl_backend_counters b{};
  for (int i = 0; i < 2; ++i) note_syn(b, kStart);

  EXPECT_EQ(Standing::kGood, standing(b, kStart + 10 * kSecond));
}

TEST(BackendHealth, OneCompletedHandshakeClearsTheCount) {
  fl_backend_counters b{};
  for (int i = 0; i < 100; ++i) note_syn(b, kStart);
  note_handshake(b);
  for (int i = 0; i < 2; ++i) note_syn(b, kStart);

  EXPECT_EQ(Standing::kGood, standing(b, kStart + kSecond));
}

TEST(BackendHealth, EjectionEndsHalfOpenAndAProbeRenewsIt) {
  fl_backend_counters b{};
  for (int i = 0; i < 3; ++i) note_syn(b, kStart);
  const base::Nanoseconds ejected = kStart + kEjectSilence;
  ASSERT_EQ(Standing::kEjected, standing(b, ejected));

  EXPECT_EQ(Standing::kEjected, standing(b, ejected + kEjectFor - 8));
  EXPECT_EQ(Standing::kHalfOpen, standing(b, ejected + kEjectFor + 8));
  begin_trial(b, ejected + kEjectFor);
  EXPECT_EQ(Standing::kEjected, standing(b, ejected + kEjectFor + 8));
  note_handshake(b);
  EXPECT_EQ(Standing::kGood, standing(b, ejected + kEjectFor + 9));
}

TEST(BackendHealth, EachProbeInVainDoublesTheEjectionToItsLongest) {
  fl_backend_counters b{};
  for (int i = 0; i < 3; ++i) note_syn(b, kStart);
  base::Nanoseconds at = kStart + kEjectSilence;
  ASSERT_EQ(Standing::kEjected, standing(b, at));

  for (const unsigned seconds : {1, 2, 4, 8, 16, 32, 32, 32}) {
    EXPECT_EQ(Standing::kEjected, standing(b, at + seconds * kSecond - 8)) << seconds;
    at += seconds * kSecond + 8;
    EXPECT_EQ(Standing::kHalfOpen, standing(b, at)) << seconds;
    begin_trial(b, at);
    note_syn(b, at);
  }
}

TEST(BackendHealth, ACompletedHandshakeForgetsHowLongItWas) {
  fl_backend_counters b{};
  for (int i = 0; i < 3; ++i) note_syn(b, kStart);
  ASSERT_EQ(Standing::kEjected, standing(b, kStart + kEjectSilence));
  for (unsigned i = 1; i < 5; ++i) begin_trial(b, kStart + i * 100 * kSecond);

  note_handshake(b);
  for (int i = 0; i < 3; ++i) note_syn(b, kStart + 600 * kSecond);

  const base::Nanoseconds again = kStart + 600 * kSecond + kEjectSilence;
  EXPECT_EQ(Standing::kEjected, standing(b, again));
  EXPECT_EQ(Standing::kHalfOpen, standing(b, again + kEjectFor + 8));
}

constexpr const char* kVip = "203.0.113.20";

testing::TestTable two_backends(std::uint8_t choices) {
  testing::TestTable table;
  table.vips = {
      {.prefix = kVip,
       .choices = choices,
       .members = {{.address = "10.0.0.1", .backend = 0}, {.address = "10.0.0.2", .backend = 1}}}};
  return table;
}

Frame tcp(unsigned client, const char* flags) {
  return packet().ipv4("198.51.100.7", kVip).tcp(static_cast<std::uint16_t>(client), 80, flags);
}

/// Clients that begin a connection each; those whose backend is alive complete it.
class Clients {
 public:
  explicit Clients(TestWorker& worker) : worker_(worker) {}

  /// Member that the new flow went to.
  std::uint32_t connect(bool first_alive, bool second_alive) {
    const unsigned client = next_++;
    const std::uint32_t member = worker_.run_one(tcp(client, "S")).member;
    if (member == 0 ? first_alive : second_alive) worker_.run_one(tcp(client, "A"));
    return member;
  }

 private:
  TestWorker& worker_;
  unsigned next_ = 1000;
};

TEST(PassiveEjection, WhereNoControlEverWasADeadBackendGetsTrialsThatGetRarer) {
  const TestBank bank(two_backends(1));
  TestWorker worker(1 << 15);
  worker.use(bank.view());
  Clients clients(worker);
  for (int i = 0; i < 100; ++i) clients.connect(true, true);

  unsigned late = 0;  // flows to the dead backend after the first 250 ms
  for (unsigned ms = 0; ms < 60'000; ms += 5) {
    worker.advance(5 * kMillisecond);
    if (clients.connect(false, true) == 0 && ms > 260) ++late;
  }

  EXPECT_EQ(late, 5U) << "after 1, 3, 7, 15 and 31 s";
  EXPECT_EQ(worker.page().backends[0].ejections, 1U);
}

TEST(PassiveEjection, WithControlAwayADeadBackendGetsNoFlowAfterItsEjection) {
  const TestBank bank(two_backends(1));
  TestWorker worker(1 << 15);
  worker.use(bank.view());
  worker.set_control(true);
  Clients clients(worker);
  for (int i = 0; i < 100; ++i) clients.connect(true, true);

  unsigned late = 0;  // control's last word stays what it was before the death
  for (unsigned ms = 0; ms < 60'000; ms += 5) {
    worker.advance(5 * kMillisecond);
    if (clients.connect(false, true) == 0 && ms > 260) ++late;
  }

  EXPECT_EQ(late, 0U);
}

TEST(PassiveEjection, EachTrialInVainNeedsAnotherAnswerToControl) {
  const TestBank bank(two_backends(1));
  TestWorker worker(1 << 15);
  worker.use(bank.view());
  worker.set_control(false);
  Clients clients(worker);
  const auto trials = [&](unsigned seconds) {
    unsigned count = 0;
    for (unsigned ms = 0; ms < seconds * 1000; ms += 5) {
      worker.advance(5 * kMillisecond);
      count += clients.connect(false, true) == 0;
    }
    return count;
  };
  trials(1);  // ejects it

  EXPECT_EQ(trials(30), 0U);
  worker.set_control(true);
  EXPECT_EQ(trials(30), 1U);
  worker.set_control(true);
  EXPECT_EQ(trials(30), 1U);
}

TEST(PassiveEjection, WithControlAwayABackendThatServesAgainIsBackOnceAllAreEjected) {
  const TestBank bank(two_backends(1));
  TestWorker worker(1 << 15);
  worker.use(bank.view());
  worker.set_control(false);
  Clients clients(worker);
  for (unsigned ms = 0; ms < 2000; ms += 5) {
    worker.advance(5 * kMillisecond);
    clients.connect(false, false);
  }
  ASSERT_NE(0U, worker.page().backends[0].ejected_until_ns);
  ASSERT_NE(0U, worker.page().backends[1].ejected_until_ns);

  for (int i = 0; i < 20; ++i) clients.connect(true, true);

  EXPECT_TRUE(
      worker.page().backends[0].ejected_until_ns == 0 ||
      worker.page().backends[1].ejected_until_ns == 0
  );
}

TEST(PassiveEjection, ABackendThatAnswersItsTrialIsBackAtOnce) {
  const TestBank bank(two_backends(1));
  TestWorker worker(1024);
  worker.use(bank.view());
  Clients clients(worker);
  for (unsigned ms = 0; ms < 500; ms += 5) {
    worker.advance(5 * kMillisecond);
    clients.connect(false, true);
  }
  ASSERT_NE(0U, worker.page().backends[0].ejected_until_ns);
  worker.advance(kSecond);

  unsigned first = 0;
  for (int i = 0; i < 100; ++i) first += clients.connect(true, true) == 0;

  EXPECT_GT(first, 30U);
  EXPECT_EQ(0U, worker.page().backends[0].ejected_until_ns);
}

TEST(PassiveEjection, ADeadBackendLooksFullToTheScoreToo) {
  const TestBank bank(two_backends(2));
  TestWorker worker(1024);
  worker.use(bank.view());
  Clients clients(worker);

  unsigned dead = 0;
  for (unsigned ms = 0; ms < 240; ms += 1) {
    worker.advance(kMillisecond);
    dead += clients.connect(false, true) == 0;
  }

  // Half of the flows would be 120: open handshakes count as in flight until they time out.
  EXPECT_LE(dead, 125U);
  EXPECT_GE(worker.page().backends[0].in_flight, dead);
}

TEST(PassiveEjection, WithEveryBackendEjectedFlowsAreStillForwarded) {
  const TestBank bank(two_backends(2));
  TestWorker worker(1024);
  worker.use(bank.view());
  for (unsigned client = 0; client < 300; ++client) {
    worker.advance(5 * kMillisecond);
    const auto result = worker.run_one(tcp(1000 + client, "S"));
    ASSERT_EQ(steer::Verdict::kForward, result.verdict);
  }

  EXPECT_GE(worker.page().backends[0].ejections, 1U);
  EXPECT_GE(worker.page().backends[1].ejections, 1U);
}

TEST(PassiveEjection, ARepeatedSynLeavesAnEjectedBackend) {
  testing::TestTable table = two_backends(1);
  table.vips[0].slots = {0, 1};
  const TestBank bank(table);
  TestWorker worker(1024);
  worker.use(bank.view());
  std::vector<unsigned> waiting;  // clients whose SYN the dead first backend got
  for (unsigned client = 1000; waiting.size() < 4; ++client) {
    if (worker.run_one(tcp(client, "S")).member == 0) {
      waiting.push_back(client);
    } else {
      worker.run_one(tcp(client, "A"));
    }
  }
  worker.advance(kSecond);

  const auto result = worker.run_one(tcp(waiting[0], "S"));

  EXPECT_EQ(1U, result.member);
}

TEST(PassiveEjection, UdpFlowsNeverEject) {
  testing::TestTable table = two_backends(1);
  table.vips[0].protocol = net::IpProto::kUdp;
  table.vips[0].port = 53;
  const TestBank bank(table);
  TestWorker worker(1024);
  worker.use(bank.view());
  for (unsigned client = 0; client < 50; ++client) {
    worker.advance(100 * kMillisecond);
    worker.run_one(packet()
                       .ipv4("198.51.100.7", kVip)
                       .udp(static_cast<std::uint16_t>(1000 + client), 53)
                       .payload(8));
  }

  EXPECT_EQ(0U, worker.page().backends[0].ejections);
  EXPECT_EQ(0U, worker.page().backends[1].ejections);
}

}  // namespace
}  // namespace fairlead::path
