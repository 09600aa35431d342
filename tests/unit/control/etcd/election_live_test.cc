// SPDX-License-Identifier: BSD-3-Clause
// One leads; terms only rise; who was passed over cannot write.
#include <atomic>
#include <chrono>

#include <gtest/gtest.h>

#include "control/etcd/election.hh"
#include "tests/unit/control/etcd/running_etcd.hh"

namespace fairlead::etcd {
namespace {

constexpr const char* kKey = "/leader";

/// A candidate with a client of its own.
struct Candidate {
  Candidate(const RunningEtcd& etcd, const std::string& name, std::atomic<bool>* first_is_dead)
      : client(Client::make(etcd.settings())),
        election(
            *client,
            {.key = kKey, .value = name, .poll = 50 * base::kMillisecond},
            {[first_is_dead](const std::string& leader) {
               return first_is_dead->load() && leader == "m1";
             },
             [](const Election::State&) {}}
        ) {}
  std::unique_ptr<Client> client;
  Election election;
};

class EtcdElection : public testing::Test {
 protected:
  void SetUp() override {
    if (!RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
    etcd.start_all();
    one = std::make_unique<Candidate>(etcd, "m1", &first_is_dead);
    ASSERT_TRUE(etcd.eventually([&] { return one->election.state().leads; }));
    two = std::make_unique<Candidate>(etcd, "m2", &first_is_dead);
    ASSERT_TRUE(etcd.eventually([&] { return two->election.state().leader == "m1"; }));
  }
  bool writes_as(const Candidate& c, std::int64_t term) {
    const auto done = c.client->commit({c.election.guard(term)}, {{.key = "/state", .value = "x"}});
    return done && done->done;
  }

  RunningEtcd etcd{1};
  std::atomic<bool> first_is_dead{false};
  std::unique_ptr<Candidate> one;
  std::unique_ptr<Candidate> two;
};

TEST_F(EtcdElection, OneLeadsAndTheOtherKnowsWho) {
  EXPECT_FALSE(two->election.state().leads);
  EXPECT_EQ(two->election.state().term, one->election.state().term);
  EXPECT_TRUE(writes_as(*one, one->election.state().term));
}

TEST_F(EtcdElection, ALeaderThatEndsIsReplacedAtOnceWithAHigherTerm) {
  const std::int64_t term = one->election.state().term;
  one.reset();
  ASSERT_TRUE(etcd.eventually([&] { return two->election.state().leads; }));
  EXPECT_GT(two->election.state().term, term);
}

TEST_F(EtcdElection, ALeaderThatIsHeldForDeadLosesItsLeaseAndCannotWriteAnyMore) {
  const std::int64_t term = one->election.state().term;
  first_is_dead = true;  // but it lives, and still believes that it leads
  ASSERT_TRUE(etcd.eventually([&] { return two->election.state().leads; }));
  EXPECT_FALSE(writes_as(*one, term));
  EXPECT_TRUE(writes_as(*two, two->election.state().term));
  EXPECT_GT(two->election.state().term, term);
  EXPECT_TRUE(etcd.eventually([&] {
    return !one->election.state().leads && one->election.state().leader == "m2";
  }));
}

TEST_F(EtcdElection, ALeaderThatHangsIsReplacedLongBeforeItsLeaseEnds) {
  one.reset();
  ASSERT_TRUE(etcd.eventually([&] { return two->election.state().leads; }));
  two.reset();
  const auto client = Client::make(etcd.settings());
  Election hangs(
      *client,
      {.key = kKey, .value = "m3", .ttl = 60 * base::kSecond, .renew = 600 * base::kSecond},
      {[](const std::string&) { return false; }, [](const Election::State&) {}}
  );
  ASSERT_TRUE(etcd.eventually([&] { return hangs.state().leads; }));
  one = std::make_unique<Candidate>(etcd, "m1", &first_is_dead);
  EXPECT_TRUE(etcd.eventually([&] { return one->election.state().leads; }));
  EXPECT_GT(one->election.state().term, hangs.state().term);
  EXPECT_FALSE(writes_as(*one, hangs.state().term)) << "its guard does not hold any more";
}

TEST_F(EtcdElection, WithEtcdAwayTheLeaderGoesOnAndTheFollowerStaysOne) {
  const std::int64_t term = one->election.state().term;
  etcd.kill(0);
  ASSERT_TRUE(etcd.eventually([&] {
    return !one->election.state().trouble.empty() && !two->election.state().trouble.empty();
  }));
  EXPECT_TRUE(one->election.state().leads);
  EXPECT_FALSE(two->election.state().leads);
  etcd.start_all();
  ASSERT_TRUE(etcd.eventually([&] {
    return one->election.state().trouble.empty() && two->election.state().trouble.empty();
  }));
  EXPECT_TRUE(etcd.eventually([&] {
    return one->election.state().leads != two->election.state().leads;
  }));
  EXPECT_GE(one->election.state().term, term);
}

}  // namespace
}  // namespace fairlead::etcd
