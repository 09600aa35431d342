// SPDX-License-Identifier: BSD-3-Clause
// The client against real etcd: transactions, leases, watches, failover, TLS, users.
#include <gtest/gtest.h>

#include "control/etcd/client.hh"
#include "control/etcd/copy.hh"
#include "control/etcd/large.hh"
#include "tests/unit/control/etcd/running_etcd.hh"

namespace fairlead::etcd {
namespace {

using base::ErrorCode;
using What = Guard::What;

class EtcdClient : public testing::Test {
 protected:
  void SetUp() override {
    if (!RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
    etcd.start_all();
    client = Client::make(etcd.settings());
  }
  Outcome put(const std::string& key, const std::string& value) {
    const auto outcome = client->commit({}, {{.key = key, .value = value}});
    EXPECT_TRUE(outcome && outcome->done);
    return outcome.value_or(Outcome{});
  }
  std::string value(const std::string& key) {
    const auto found = client->get(key);
    EXPECT_TRUE(found) << found.error().what;
    return found && !found->values.empty() ? found->values.front().value : "";
  }

  RunningEtcd etcd{1};
  std::unique_ptr<Client> client;
};

TEST_F(EtcdClient, CommitsAllOrNothingAndOnlyWhileTheGuardsHold) {
  const Outcome first = put("/a", "1");
  const auto kv = client->get("/a")->values.front();
  EXPECT_EQ(kv.mod_revision, first.revision);

  const auto second = client->commit(
      {{"/a", What::kModRevision, kv.mod_revision}, {"/b", What::kCreateRevision, 0}},
      {{.key = "/a", .value = "2"}, {.key = "/b", .value = "x"}}
  );
  ASSERT_TRUE(second && second->done);
  const auto late =
      client->commit({{"/a", What::kModRevision, kv.mod_revision}}, {{.key = "/a", .value = "3"}});
  ASSERT_TRUE(late);
  EXPECT_FALSE(late->done);
  EXPECT_EQ(value("/a"), "2");
  EXPECT_EQ(value("/b"), "x");
  EXPECT_EQ(client->get("/a", first.revision)->values.front().value, "1") << "as it was";
}

TEST_F(EtcdClient, ListsAndRemovesWhatBeginsWithAPrefix) {
  put("/p/1", "a");
  put("/p/2", "b");
  put("/q", "c");
  const auto listed = client->list("/p/");
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->values.size(), 2U);
  EXPECT_EQ(listed->values[1].key, "/p/2");
  ASSERT_TRUE(client->commit({}, {{.key = "/p/", .remove_prefix = true}}));
  EXPECT_TRUE(client->list("/p/")->values.empty());
  EXPECT_EQ(value("/q"), "c");
}

TEST_F(EtcdClient, AKeyLivesAsLongAsItsLease) {
  const auto lease = client->grant(5 * base::kSecond);
  ASSERT_TRUE(lease);
  EXPECT_GE(lease->ttl, 5 * base::kSecond);
  ASSERT_TRUE(client->commit({}, {{.key = "/me", .value = "1", .lease = lease->id}}));
  EXPECT_EQ(client->get("/me")->values.front().lease, lease->id);
  EXPECT_EQ(client->keep_alive(lease->id)->ttl, lease->ttl);
  EXPECT_TRUE(client->revoke(lease->id).value_or(false));
  EXPECT_TRUE(client->get("/me")->values.empty());
  EXPECT_EQ(client->keep_alive(lease->id)->ttl, 0U) << "it is gone";
  EXPECT_FALSE(client->revoke(lease->id).value_or(true)) << "again";
}

TEST_F(EtcdClient, AWatchTellsChangesInTheirOrderAndEndsWhereHistoryIsCompacted) {
  const std::int64_t begin = put("/w/a", "1").revision;
  put("/w/a", "2");
  ASSERT_TRUE(client->commit({}, {{.key = "/w/a", .remove = true}}));
  auto watch = client->watch("/w/", begin);
  ASSERT_TRUE(watch);
  std::vector<std::string> seen;
  while (seen.size() < 3) {
    const auto batch = (*watch)->next();
    ASSERT_TRUE(batch) << batch.error().what;
    for (const auto& change : batch->changes)
      seen.push_back(change.removed ? "removed" : change.value.value);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"1", "2", "removed"}));

  ASSERT_TRUE(client->compact(put("/other", "x").revision));
  auto late = client->watch("/w/", begin);
  ASSERT_TRUE(late);
  const auto refused = (*late)->next();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition) << refused.error().what;
}

TEST_F(EtcdClient, ACopyFollowsThroughDeathAndCompaction) {
  std::mutex mutex;
  std::string seen;
  put("/c/a", "1");
  Copy copy(*client, "/c/", {[&](const Copy::Values& values, std::int64_t) {
    const std::lock_guard lock(mutex);
    seen.clear();
    for (const auto& [key, kv] : values) seen += key.substr(3) + "=" + kv.value + " ";
  }});
  const auto sees = [&](const std::string& wanted) {
    return RunningEtcd::eventually([&] {
      const std::lock_guard lock(mutex);
      return seen == wanted;
    });
  };
  EXPECT_TRUE(sees("a=1 "));
  put("/c/b", "2");
  EXPECT_TRUE(sees("a=1 b=2 "));

  etcd.kill(0);
  EXPECT_TRUE(etcd.eventually([&] { return !copy.state().following; }));
  EXPECT_NE(copy.state().trouble, "");
  EXPECT_TRUE(sees("a=1 b=2 ")) << "the last copy stays";
  etcd.start_all();
  const auto other = Client::make(etcd.settings());
  ASSERT_TRUE(other->commit({}, {{.key = "/c/a", .remove = true}, {.key = "/c/b", .value = "3"}}));
  ASSERT_TRUE(other->compact(other->get("/c/b")->revision));
  EXPECT_TRUE(sees("b=3 "));
  EXPECT_TRUE(etcd.eventually([&] { return copy.state().following; }));
}

TEST_F(EtcdClient, LargeValuesAreSplitAndAHeadWithoutItsPartsIsDamage) {
  std::string large(3 * 1024 * 1024 + 5, 'x');
  for (std::size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>('a' + i % 26);
  for (const std::size_t bytes : {std::size_t{1700 * 1024}, large.size()}) {
    const auto refused = client->commit({}, {{.key = "/big", .value = large.substr(0, bytes)}});
    ASSERT_FALSE(refused) << "etcd takes 1.5 MiB";
    EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted) << refused.error().what;
  }
  const LargeWrite write = split("/big", large, "g1");
  for (const auto& part : write.parts) ASSERT_TRUE(client->commit({}, part));
  EXPECT_FALSE(joined("/big", *client->list("/big"))->has_value()) << "no head yet";
  ASSERT_TRUE(client->commit({}, write.head));
  const auto back = joined("/big", *client->list("/big"));
  ASSERT_TRUE(back && back->has_value());
  EXPECT_TRUE(**back == large);

  ASSERT_TRUE(client->commit({}, {{.key = "/big.part/g1/0001", .remove = true}}));
  EXPECT_EQ(joined("/big", *client->list("/big")).error().code, ErrorCode::kDataLoss);
}

TEST_F(EtcdClient, UsersAreAskedForTheirPassword) {
  EXPECT_EQ(etcd.ctl({"user", "add", "root:secret"}), 0);
  EXPECT_EQ(etcd.ctl({"user", "grant-role", "root", "root"}), 0);
  EXPECT_EQ(etcd.ctl({"auth", "enable"}), 0);
  EXPECT_EQ(client->get("/a").error().code, ErrorCode::kPermissionDenied);
  Settings wrong = etcd.settings();
  wrong.user = "root";
  wrong.password = "guess";
  EXPECT_EQ(Client::make(wrong)->get("/a").error().code, ErrorCode::kPermissionDenied);
  Settings right = wrong;
  right.password = "secret";
  const auto user = Client::make(right);
  ASSERT_TRUE(user->commit({}, {{.key = "/a", .value = "1"}}));
  etcd.kill(0);  // tokens are in its memory
  etcd.start_all();
  EXPECT_TRUE(RunningEtcd::eventually([&] { return user->get("/a").has_value(); }));
  auto watch = user->watch("/a", 1);
  ASSERT_TRUE(watch);
  EXPECT_TRUE((*watch)->next());
}

TEST(EtcdTls, MembersAndClientsProveThemselves) {
  if (!RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
  RunningEtcd etcd(1, /*tls=*/true);
  etcd.start_all();
  EXPECT_TRUE(Client::make(etcd.settings())->commit({}, {{.key = "/a", .value = "1"}}));
  Settings nobody = etcd.settings();
  nobody.cert = nobody.key = "";
  EXPECT_FALSE(Client::make(nobody)->get("/a"));
  Settings plain = etcd.settings();
  plain.ca = "";
  EXPECT_FALSE(Client::make(plain)->get("/a"));
}

TEST(EtcdCluster, AClientGoesOnWithTheMembersThatLive) {
  if (!RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
  RunningEtcd etcd(3);
  etcd.start_all();
  const auto client = Client::make(etcd.settings());
  ASSERT_TRUE(client->commit({}, {{.key = "/a", .value = "1"}}));
  etcd.kill(0);
  EXPECT_TRUE(etcd.eventually([&] {
    return client->commit({}, {{.key = "/a", .value = "2"}}).has_value();
  }));
  etcd.kill(1);
  const auto refused = client->commit({}, {{.key = "/a", .value = "3"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable) << refused.error().what;
  etcd.start(0);
  EXPECT_TRUE(etcd.eventually([&] {
    return client->commit({}, {{.key = "/a", .value = "4"}}).has_value();
  }));
}

}  // namespace
}  // namespace fairlead::etcd
