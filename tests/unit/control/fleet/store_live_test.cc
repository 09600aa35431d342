// SPDX-License-Identifier: BSD-3-Clause
// Two stores of two processes on real etcd members that die and come back.
#include <gtest/gtest.h>

#include "control/fleet/store.hh"
#include "tests/unit/control/etcd/running_etcd.hh"

namespace fairlead::fleet {
namespace {

using etcd::RunningEtcd;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!RunningEtcd::installed()) GTEST_SKIP() << "no etcd (Debian: etcd-server)";
    etcd.start_all();
    one = open("one");
    two = open("two");
    ASSERT_TRUE(known(*one) && known(*two));
  }
  std::unique_ptr<Store> open(const std::string& name) {
    return Store::open({etcd.settings(), "/fairlead", etcd.folder() + "/" + name + ".json", [] {}});
  }
  static bool known(const Store& store) {
    return RunningEtcd::eventually([&] { return store.state().known && !store.state().away; });
  }
  static bool says(const Store& store, const std::string& name, const std::string& value) {
    return RunningEtcd::eventually([&] {
      const Values values = store.read();
      const auto found = values.find(name);
      return value.empty() ? found == values.end()
                           : found != values.end() && found->second == value;
    });
  }
  static bool settled(const Store& store) {
    return RunningEtcd::eventually([&] { return store.state().waiting == 0; });
  }

  RunningEtcd etcd{3};
  std::unique_ptr<Store> one;
  std::unique_ptr<Store> two;
};

TEST_F(StoreTest, WhatOneWritesTheOtherReadsAndTheWriterAtOnce) {
  one->write({{"hold/web/b1", "drain"}, {"frozen", "true"}});
  EXPECT_EQ(one->read().at("hold/web/b1"), "drain") << "without waiting";
  EXPECT_TRUE(says(*two, "hold/web/b1", "drain"));
  EXPECT_TRUE(says(*two, "frozen", "true"));

  two->write({{"hold/web/b1", std::nullopt}});
  EXPECT_TRUE(says(*one, "hold/web/b1", ""));
  // Again and again, faster than etcd answers: the last one counts.
  for (int i = 0; i < 20; ++i) one->write({{"weight/web/b1", std::to_string(i)}});
  EXPECT_TRUE(says(*two, "weight/web/b1", "19"));
  EXPECT_TRUE(settled(*one));
  EXPECT_EQ(one->state().dropped + two->state().dropped, 0U);
}

TEST_F(StoreTest, AConfigurationLargerThanARequestIsTheOldOneOrTheNewOne) {
  const std::string large(1'300'000, 'a');
  one->write({{"config", large}});
  EXPECT_TRUE(says(*two, "config", large));
  two->write({{"config", std::string(700'000, 'b')}});
  EXPECT_TRUE(says(*one, "config", std::string(700'000, 'b')));
  one->write({{"config", "small"}});
  EXPECT_TRUE(says(*two, "config", "small"));
  const auto client = etcd::Client::make(etcd.settings());
  EXPECT_TRUE(RunningEtcd::eventually([&] {
    const auto parts = client->list("/fairlead/state/config.part/");
    return parts && parts->values.size() == 1;
  })) << "parts of old values are removed";
}

TEST_F(StoreTest, WithoutEtcdDecisionsWaitAlsoOverARestartAndAreCarriedOutLater) {
  one->write({{"hold/web/b1", "drain"}});
  ASSERT_TRUE(says(*two, "hold/web/b1", "drain"));
  etcd.kill_all();
  ASSERT_TRUE(RunningEtcd::eventually([&] {
    return one->state().away && !one->state().trouble.empty();
  }));
  EXPECT_EQ(one->read().at("hold/web/b1"), "drain") << "the last state stays";
  one->write({{"hold/web/b1", std::nullopt}, {"hold/web/b2", "maint"}});
  EXPECT_EQ(one->state().waiting, 2U);

  one.reset();
  one = open("one");
  EXPECT_EQ(one->read(), (Values{{"hold/web/b2", "maint"}})) << "from the file";
  etcd.start_all();
  EXPECT_TRUE(says(*two, "hold/web/b1", ""));
  EXPECT_TRUE(says(*two, "hold/web/b2", "maint"));
  EXPECT_TRUE(settled(*one));
}

TEST_F(StoreTest, OfTwoDecisionsMadeApartTheOneThatCameFirstStays) {
  etcd.kill_all();
  ASSERT_TRUE(RunningEtcd::eventually([&] { return one->state().away && two->state().away; }));
  one->write({{"frozen", "one"}});
  two->write({{"frozen", "two"}, {"hold/web/b1", "drain"}});
  two.reset();
  etcd.start_all();
  ASSERT_TRUE(settled(*one));

  two = open("two");
  EXPECT_TRUE(says(*two, "frozen", "one"));
  EXPECT_TRUE(settled(*two));
  EXPECT_EQ(two->state().dropped, 1U);
  EXPECT_TRUE(says(*one, "hold/web/b1", "drain")) << "what nobody else touched is carried out";
  EXPECT_EQ(one->read().at("frozen"), "one");
}

TEST_F(StoreTest, WhatEtcdRefusesHoldsHereAndIsCarriedOutWhenItDoesNot) {
  const std::vector<std::string> as_root = {"--user", "root:secret"};
  const auto ctl = [&](std::vector<std::string> words) {
    words.insert(words.end(), as_root.begin(), as_root.end());
    return etcd.ctl(words);
  };
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"user", "add", "root:secret"},
           {"user", "grant-role", "root", "root"},
           {"role", "add", "some"},
           {"role", "grant-permission", "some", "--prefix=true", "read", "/fairlead/"},
           {"role",
            "grant-permission",
            "some",
            "--prefix=true",
            "readwrite",
            "/fairlead/state/hold/"},
           {"user", "add", "fl:pass"},
           {"user", "grant-role", "fl", "some"},
           {"auth", "enable"}})
    ASSERT_EQ(etcd.ctl(words), 0) << words[0] << " " << words[1];
  etcd::Settings user = etcd.settings();
  user.user = "fl";
  user.password = "pass";
  one = Store::open({user, "/fairlead", etcd.folder() + "/fl.json", [] {}});
  ASSERT_TRUE(known(*one));

  one->write({{"frozen", "true"}, {"hold/web/b1", "drain"}});
  EXPECT_TRUE(RunningEtcd::eventually([&] { return one->state().waiting == 1; }))
      << "what is refused does not hold up the rest";
  EXPECT_TRUE(RunningEtcd::eventually([&] { return !one->state().trouble.empty(); }));
  EXPECT_EQ(one->read().at("frozen"), "true") << "it was answered with OK";
  EXPECT_EQ(one->state().dropped, 0U);
  one.reset();
  one = Store::open({user, "/fairlead", etcd.folder() + "/fl.json", [] {}});
  EXPECT_EQ(one->read().at("frozen"), "true") << "also after a restart";

  ASSERT_EQ(
      ctl({"role", "grant-permission", "some", "--prefix=true", "readwrite", "/fairlead/"}), 0
  );
  EXPECT_TRUE(settled(*one));
  EXPECT_TRUE(RunningEtcd::eventually([&] { return one->state().trouble.empty(); }));
  EXPECT_EQ(one->state().dropped, 0U);
  EXPECT_TRUE(says(*one, "frozen", "true"));
}

TEST_F(StoreTest, CompactionLosesNothing) {
  const auto client = etcd::Client::make(etcd.settings());
  etcd.kill(1);
  etcd.kill(2);
  ASSERT_TRUE(RunningEtcd::eventually([&] { return two->state().away; }));
  etcd.start(1);
  etcd.start(2);
  one->write({{"frozen", "true"}});
  ASSERT_TRUE(settled(*one));
  ASSERT_TRUE(RunningEtcd::eventually([&] {
    const auto now = client->get("/fairlead/state/frozen");
    return now && client->compact(now->revision).has_value();
  }));
  one->write({{"frozen", std::nullopt}, {"hold/web/b1", "drain"}});
  EXPECT_TRUE(says(*two, "hold/web/b1", "drain"));
  EXPECT_TRUE(says(*two, "frozen", ""));
}

TEST_F(StoreTest, MembersAreThereWhileTheyLive) {
  one->announce("nodes", "lb1", "serving");
  two->announce("nodes", "lb2", "joining");
  const auto rows = [&](const Store& store) {
    std::string out;
    for (const Member& member : store.members("nodes")) out += member.id + "=" + member.value + " ";
    return out;
  };
  EXPECT_TRUE(RunningEtcd::eventually([&] { return rows(*one) == "lb1=serving lb2=joining "; }));
  two->announce("nodes", "lb2", "serving");
  EXPECT_TRUE(RunningEtcd::eventually([&] { return rows(*one) == "lb1=serving lb2=serving "; }));
  two.reset();
  EXPECT_TRUE(RunningEtcd::eventually([&] { return rows(*one) == "lb1=serving "; }));
}

}  // namespace
}  // namespace fairlead::fleet
