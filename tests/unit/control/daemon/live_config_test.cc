// SPDX-License-Identifier: BSD-3-Clause
// A running fairlead-control whose configuration is changed in steps: pending, diff, commit, trial,
// rollback, file watch; and killed in between.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/control/daemon/running_control.hh"

namespace fairlead::control {
namespace {

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A node with b1 and b2, and the text of one that has b1 with weight 50 and b3 in place of b2.
class Node : public ::testing::Test {
 protected:
  void SetUp() override {
    // Always up: what is tested here is not to depend on how busy the machine is.
    control.write_config({&b1, &b2}, "policy: {name: static}\n", ", type: none");
    old_text = content(control.config_path());
    new_text = old_text;
    const auto at = new_text.rfind("{id: b2");
    new_text.resize(at);
    new_text += "{id: b3, address: " + b3.address() +
                ", weight: 50, health_port: " + std::to_string(b3.port()) + "},]}\n";
    control.start();
  }
  Json load(const std::string& text) const {
    return control.result("config load", {{"text", text}, {"name", "new.yaml"}});
  }
  Json refused(const std::string& command, const Json& arguments = Json::object()) const {
    const Json reply = control.ask(Json{{"command", command}, {"arguments", arguments}}.dump());
    EXPECT_FALSE(reply.value("ok", true)) << command;
    return reply;
  }
  bool has_backend(const std::string& id) const {
    const Json shown = control.result("show backend");
    for (const Json& row : shown["backends"])
      if (row["id"] == id) return true;
    return false;
  }

  Backend b1{1};
  Backend b2{2};
  Backend b3{3};
  RunningControl control;
  std::string old_text;
  std::string new_text;
};

using StagedConfig = Node;

TEST_F(StagedConfig, IsSeenInADiffAndInForceOnlyAfterTheCommit) {
  const Json loaded = load(new_text);
  EXPECT_EQ(loaded["pending"], true);
  EXPECT_GT(loaded["slots_moved"], 1000);
  EXPECT_FALSE(has_backend("b3"));
  const Json before = control.result("show status");

  const Json diff = control.result("config diff");
  EXPECT_EQ(diff["slots_moved"], loaded["slots_moved"]);
  std::string keys;
  for (const Json& row : diff["keys"]) keys += row["key"].get<std::string>() + "\n";
  EXPECT_NE(keys.find("vips[web].backends[b3].address\n"), std::string::npos) << keys;
  EXPECT_NE(keys.find("vips[web].backends[b2].address\n"), std::string::npos) << keys;
  Json rows = Json::object();
  for (const Json& row : diff["backends"]) rows[row["backend"].get<std::string>()] = row;
  EXPECT_EQ(rows["b2"]["change"], "removed");
  EXPECT_EQ(rows["b2"]["slots_after"], 0);
  EXPECT_EQ(rows["b3"]["change"], "added");
  EXPECT_EQ(control.result("show status")["generation"], before["generation"]);

  const Json done = control.result("config commit", {{"note", "b3 for b2"}});
  EXPECT_EQ(done["revision"], 2);
  EXPECT_TRUE(control.eventually([&] { return control.backend("b3")["slots"] > 0; }));
  EXPECT_FALSE(has_backend("b2"));
  EXPECT_EQ(content(control.config_path()), new_text) << "a restart finds what was committed";
  EXPECT_EQ(control.backend("b3")["slots"], rows["b3"]["slots_after"]) << "as promised";

  const Json history = control.result("show config history");
  EXPECT_EQ(history["revisions"][0]["note"], "b3 for b2");
  EXPECT_EQ(history["revisions"][0]["state"], "in force");
  EXPECT_EQ(history["revisions"][1]["origin"], "start");
}

TEST_F(StagedConfig, IsMadeByEditsOneAfterTheOther) {
  const auto edit = [this](const Json& arguments) {
    return control.result("config edit", arguments);
  };
  const auto values = [](const Json& map) {
    Json list = Json::array();
    for (const auto& [key, value] : map.items()) list.push_back({{"key", key}, {"value", value}});
    return list;
  };
  const Json added = edit(
      {{"edit", "add"},
       {"vip", "shop"},
       {"values", values({{"address", "203.0.113.20"}, {"port", "443"}})}}
  );
  EXPECT_NE(added["incomplete"].get<std::string>().find("the pool is empty"), std::string::npos);
  EXPECT_NE(
      refused("config commit")["message"].get<std::string>().find("the pool is empty"),
      std::string::npos
  );
  const Json full = edit(
      {{"edit", "add"},
       {"vip", "shop"},
       {"backend", "b3"},
       {"values", values({{"address", b3.address()}})}}
  );
  EXPECT_FALSE(full.contains("incomplete"));
  edit({{"edit", "set"}, {"backend", "b1"}, {"values", values({{"weight", "50"}})}});
  edit({{"edit", "delete"}, {"vip", "web"}, {"backend", "b2"}});
  EXPECT_EQ(
      refused("config edit", {{"edit", "delete"}, {"vip", "web"}, {"backend", "b2"}})["code"],
      "not_found"
  );
  EXPECT_NE(
      refused(
          "config edit", {{"edit", "set"}, {"vip", "web"}, {"values", values({{"prot", "81"}})}}
      )["message"]
          .get<std::string>()
          .find("prot: unknown key"),
      std::string::npos
  );
  EXPECT_TRUE(has_backend("b2")) << "nothing is in force yet";

  control.result("config commit");

  EXPECT_FALSE(has_backend("b2"));
  EXPECT_TRUE(has_backend("b3"));
  EXPECT_EQ(control.backend("b1")["weight"], 50);
  const std::string text = content(control.config_path());
  EXPECT_NE(text.find("shop"), std::string::npos);
  EXPECT_EQ(text.substr(0, text.find("vips")), old_text.substr(0, old_text.find("vips")));
}

TEST_F(StagedConfig, AnEditOfWhatIsPendingOverAnOldRevisionIsRefused) {
  load(new_text);
  std::ofstream(control.config_path()) << old_text << "# reloaded\n";
  control.result("config reload");

  const Json reply =
      refused("config edit", {{"edit", "delete"}, {"vip", "web"}, {"backend", "b3"}});

  EXPECT_EQ(reply["code"], "failed_precondition");
  EXPECT_EQ(
      reply["message"],
      "what is pending was made over revision 1, revision 2 came since: config discard"
  );
}

TEST_F(StagedConfig, GoesBackByItselfUnlessConfirmed) {
  load(new_text);
  const Json trial = control.result("config commit", {{"confirm_ms", 1000}});
  EXPECT_EQ(trial["trial"]["before"], 1);
  ASSERT_TRUE(has_backend("b3"));
  EXPECT_EQ(content(control.config_path()), old_text);

  EXPECT_TRUE(control.eventually([&] { return has_backend("b2") && !has_backend("b3"); }));

  const Json history = control.result("show config history");
  EXPECT_EQ(history["revisions"][0]["origin"], "not confirmed, back to 1");
  EXPECT_FALSE(history.contains("trial"));
}

TEST_F(StagedConfig, StaysWhenConfirmedAndRollsBackOnDemand) {
  load(new_text);
  control.result("config commit", {{"confirm_ms", 60'000}});
  control.result("config confirm");
  EXPECT_EQ(content(control.config_path()), new_text);

  const Json back = control.result("config rollback", {{"revision", 1}});

  EXPECT_EQ(back["says"], 1);
  EXPECT_TRUE(has_backend("b2"));
  EXPECT_FALSE(has_backend("b3"));
  EXPECT_EQ(content(control.config_path()), old_text);
}

TEST_F(StagedConfig, OnTrialSurvivesKillNineUntilItsDeadline) {
  load(new_text);
  control.result("config commit", {{"confirm_ms", 60'000}});
  control.kill_now();
  control.start();
  EXPECT_TRUE(has_backend("b3"));
  EXPECT_TRUE(control.result("show config history").contains("trial"));
  control.result("config rollback");

  load(new_text);
  control.result("config commit", {{"confirm_ms", 1000}});
  control.kill_now();
  control.start();

  EXPECT_TRUE(control.eventually([&] { return has_backend("b2") && !has_backend("b3"); }));
  EXPECT_EQ(
      control.result("show config history")["revisions"][0]["origin"], "not confirmed, back to 3"
  );
}

TEST_F(StagedConfig, RefusedChangesNothing) {
  const Json before = control.result("show status");
  struct Case {
    const char* command;
    Json arguments;
    const char* code;
    std::string says;
  };
  std::string broken = old_text;
  broken.replace(broken.find("port: 80"), 8, "prot: 80");
  const Case cases[] = {
      {"config load",
       {{"text", broken}, {"name", "new.yaml"}},
       "invalid_argument",
       "new.yaml:7: vips[0].prot: unknown key, did you mean 'port'?"},
      {"config load",
       {{"text", ""}},
       "invalid_argument",
       "argument 'text' must be the text of a configuration"},
      {"config load", Json::object(), "invalid_argument", "'config load' needs argument 'text'"},
      {"config commit",
       Json::object(),
       "failed_precondition",
       "nothing is pending, load a file first: config load FILE"},
      {"config commit",
       {{"confirm_ms", 5}},
       "invalid_argument",
       "argument 'confirm_ms' must be a whole number, 1000 to 86400000"},
      {"config diff",
       Json::object(),
       "failed_precondition",
       "nothing is pending, load a file first: config load FILE"},
      {"config confirm",
       Json::object(),
       "failed_precondition",
       "nothing is on trial: only config commit confirm TIME begins one"},
      {"config rollback", {{"revision", 9}}, "not_found", "no revision 9 is kept; known: 1"},
      {"config rollback",
       {{"revision", 0}},
       "invalid_argument",
       "argument 'revision' must be a number as in show config history"},
      {"config discard",
       Json::object(),
       "failed_precondition",
       "nothing is pending, load a file first: config load FILE"},
  };
  for (const Case& c : cases) {
    const Json reply = refused(c.command, c.arguments);
    EXPECT_EQ(reply["code"], c.code) << c.command;
    EXPECT_EQ(reply["message"], c.says) << c.command;
  }
  const Json after = control.result("show status");
  EXPECT_EQ(after["digest"], before["digest"]);
  EXPECT_EQ(after["reloads"], before["reloads"]);
  EXPECT_EQ(content(control.config_path()), old_text);
}

TEST_F(StagedConfig, ATableThatDoesNotFitIsRefusedBeforeAnythingIsDone) {
  std::string big = old_text;  // with other weights: equal pools have one table
  for (int vip = 0; vip < 20; ++vip) {
    big += "  - {name: v" + std::to_string(vip) + ", address: 203.0.113." +
           std::to_string(20 + vip) + ", port: 80, table_size: 1048583, backends: [{id: b1, " +
           "address: " + b1.address() + ", weight: " + std::to_string(1 + vip) + "}]}\n";
  }

  const Json reply = refused("config load", {{"text", big}, {"name", "big.yaml"}});

  EXPECT_EQ(reply["code"], "resource_exhausted") << reply;
  EXPECT_EQ(control.result("show config history")["pending"], false);
}

TEST_F(StagedConfig, AWatchedFileIsReadWhenItChangesAndARefusedOneIsToldOnce) {
  control.write_file(old_text + "changes: {watch: on}\n");
  control.signal(SIGHUP);
  ASSERT_TRUE(control.eventually([&] {
    return control.result("show config history")["revision"] == 2;
  }));

  control.write_file("vips: [\n");
  ASSERT_TRUE(control.eventually([&] {
    return control.result("show status")["reloads"]["refused"] == 1;
  }));
  control.write_file(new_text + "changes: {watch: on}\n");

  EXPECT_TRUE(control.eventually([&] { return has_backend("b3"); }));
  EXPECT_EQ(control.result("show config history")["revisions"][0]["origin"], "file changed");
  EXPECT_EQ(control.result("show status")["reloads"]["refused"], 1);
}

TEST_F(StagedConfig, ADamagedHistoryStopsStagingButNotTheNode) {
  control.kill_now();
  std::ofstream(control.folder() + "/run/changes/revisions.json") << "{";
  control.start();

  EXPECT_TRUE(has_backend("b2"));
  EXPECT_EQ(refused("config load", {{"text", new_text}})["code"], "data_loss");
  control.signal(SIGHUP);
  EXPECT_TRUE(control.eventually([&] {
    return control.result("show status")["reloads"]["taken"] == 1;
  }));
}

TEST_F(StagedConfig, ASlowDiskIsWaitedForBeforeTheDecisionNotAfterIt) {
  control.kill_now();
  control.slow_disk(300);
  control.start();
  const Json before = control.result("show status");

  control.write_file(new_text);
  control.signal(SIGHUP);
  ASSERT_TRUE(control.eventually([&] { return has_backend("b3"); }));

  const Json timing = control.result("show status")["decision_to_publish_ms"];
  EXPECT_GT(timing["count"], before["decision_to_publish_ms"]["count"]);
  EXPECT_LT(timing["last"], 300) << "less than one of the files takes to sync";
  const std::string log = control.log();
  const std::string kept = "kept_us=";
  EXPECT_GT(std::stoi(log.substr(log.rfind(kept) + kept.size())), 300'000) << "it was waited for";
}

TEST_F(StagedConfig, TheLastVipMayGoBeforeTheNextOneComes) {
  const Json gone = control.result("config edit", {{"edit", "delete"}, {"vip", "web"}});
  EXPECT_NE(gone["incomplete"].get<std::string>().find("no vip"), std::string::npos);
  EXPECT_NE(
      refused("config commit")["message"].get<std::string>().find("no vip"), std::string::npos
  );
  EXPECT_TRUE(has_backend("b1"));
  const Json port{{"key", "port"}, {"value", "80"}};
  const Json address{{"key", "address"}, {"value", "203.0.113.10"}};
  control.result(
      "config edit", {{"edit", "add"}, {"vip", "web"}, {"values", Json::array({address, port})}}
  );
  const Json host{{"key", "address"}, {"value", b3.address()}};
  control.result(
      "config edit",
      {{"edit", "add"}, {"vip", "web"}, {"backend", "b3"}, {"values", Json::array({host})}}
  );
  control.result("config commit");
  EXPECT_TRUE(has_backend("b3"));
  EXPECT_FALSE(has_backend("b1"));
}

TEST_F(StagedConfig, WhatAnotherSessionStagedIsNotTakenAlong) {
  const auto remove = [](const char* backend, const std::string& seen) {
    return Json{{"edit", "delete"}, {"vip", "web"}, {"backend", backend}, {"pending_digest", seen}};
  };
  const Json first = control.result("config edit", remove("b1", "none"));
  const std::string mine = first["pending_digest"];
  EXPECT_EQ(control.result("show config history")["pending_digest"], mine);

  load(new_text);  // another session

  const std::string says =
      "what is pending is not what this change was made for, somebody staged "
      "something meanwhile: look again with config diff";
  EXPECT_EQ(refused("config edit", remove("b2", mine))["message"], says);
  EXPECT_EQ(refused("config commit", {{"pending_digest", mine}})["message"], says);
  EXPECT_EQ(
      refused("config load", {{"text", old_text}, {"pending_digest", "none"}})["code"],
      "failed_precondition"
  );
  EXPECT_EQ(control.result("show config history")["revision"], 1);
  control.result(
      "config commit", {{"pending_digest", control.result("show config history")["pending_digest"]}}
  );
  EXPECT_EQ(
      refused("config commit", {{"pending_digest", mine}})["message"],
      "what is pending is not what this change was made for, somebody committed or discarded it "
      "meanwhile: look again with config diff"
  );
}

}  // namespace
}  // namespace fairlead::control
