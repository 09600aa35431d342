// SPDX-License-Identifier: BSD-3-Clause
// Changes of a configuration's text: what they write, what they leave, what they refuse.
#include "control/config/edit.hh"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

using Act = Edit::Act;

constexpr const char* kBlock = R"(# The node.
node: {id: lb1}   # rack 7
vips:
  # the shop
  - name: web            # by day and night
    address: 203.0.113.10
    port: 80
    backends:
      - {id: b1, address: 10.0.0.1, weight: 100}   # old
      # the fast ones
      - {id: b2, address: 10.0.0.2}
      - id: "b3"
        address: '10.0.0.3'   # it's slow
        weight: 10
  - name: dns
    protocol: udp
    port: 53
    backends: [{id: b1, address: 10.0.0.1}, {id: b2, address: 10.0.0.2}]
policy: {name: adaptive}
)";

/// kBlock with one of its parts exchanged.
std::string with(const std::string& part, const std::string& other) {
  std::string text = kBlock;
  return text.replace(text.find(part), part.size(), other);
}

struct Row {
  const char* says;
  Edit edit;
  std::string part;
  std::string other;
};

TEST(Edit, ChangesWhatItNamesAndNothingElse) {
  const std::vector<Row> rows = {
      {"a value in brackets, in its line",
       {Act::kSet, "web", "b1", {{"weight", "50"}}},
       "weight: 100}",
       "weight: 50}"},
      {"a new key in brackets",
       {Act::kSet, "web", "b2", {{"weight", "7"}}},
       "10.0.0.2}\n      - id",
       "10.0.0.2, weight: 7}\n      - id"},
      {"a value in a line with a comment",
       {Act::kSet, "web", "b3", {{"address", "10.0.0.4"}}},
       "'10.0.0.3'   #",
       "10.0.0.4   #"},
      {"two keys, one of them new",
       {Act::kSet, "web", "", {{"port", "81"}, {"choices", "2"}}},
       "night\n    address: 203.0.113.10\n    port: 80",
       "night\n    choices: 2\n    address: 203.0.113.10\n    port: 81"},
      {"what needs quotes gets them",
       {Act::kSet, "web", "", {{"address", "2001:db8::1"}}},
       "203.0.113.10",
       "\"2001:db8::1\""},
      {"a map in brackets",
       {Act::kSet, "dns", "", {{"health", "{interval: 2s}"}}},
       "dns\n",
       "dns\n    health: {interval: 2s}\n"},
      {"a backend at the end of a list",
       {Act::kAdd, "web", "b4", {{"address", "10.0.0.4"}}},
       "weight: 10\n",
       "weight: 10\n      - {id: b4, address: 10.0.0.4}\n"},
      {"a backend at the end of a list in brackets",
       {Act::kAdd, "dns", "b4", {{"address", "10.0.0.4"}}},
       "10.0.0.2}]",
       "10.0.0.2}, {id: b4, address: 10.0.0.4}]"},
      {"a vip",
       {Act::kAdd, "new", "", {{"address", "203.0.113.11"}, {"port", "80"}}},
       "10.0.0.2}]\n",
       "10.0.0.2}]\n  - name: new\n    address: 203.0.113.11\n    port: 80\n"},
      {"a backend leaves with its comment",
       {Act::kDelete, "web", "b1", {}},
       "      - {id: b1, address: 10.0.0.1, weight: 100}   # old\n",
       ""},
      {"a backend of several lines leaves",
       {Act::kDelete, "web", "b3", {}},
       "      - id: \"b3\"\n        address: '10.0.0.3'   # it's slow\n        weight: 10\n",
       ""},
      {"the first in brackets leaves",
       {Act::kDelete, "dns", "b1", {}},
       "[{id: b1, address: 10.0.0.1}, ",
       "["},
      {"the last in brackets leaves",
       {Act::kDelete, "dns", "b2", {}},
       ", {id: b2, address: 10.0.0.2}]",
       "]"},
      {"a vip leaves",
       {Act::kDelete, "dns", "", {}},
       "  - name: dns\n    protocol: udp\n    port: 53\n    backends: [{id: b1, address: "
       "10.0.0.1}, "
       "{id: b2, address: 10.0.0.2}]\n",
       ""},
  };
  for (const Row& row : rows) {
    const auto text = edit_config(kBlock, row.edit);
    ASSERT_TRUE(text) << row.says << ": " << text.error().what;
    EXPECT_EQ(*text, with(row.part, row.other)) << row.says;
  }
}

TEST(Edit, WithoutAVipABackendChangesInEveryPoolThatHasIt) {
  const auto text = edit_config(kBlock, {Act::kSet, "", "b2", {{"address", "10.0.0.9"}}});

  ASSERT_TRUE(text);
  EXPECT_EQ(text->find("10.0.0.2"), std::string::npos);
  EXPECT_NE(text->find("      - {id: b2, address: 10.0.0.9}\n"), std::string::npos);
  EXPECT_NE(text->find(", {id: b2, address: 10.0.0.9}]"), std::string::npos);
}

TEST(Edit, AListCanBecomeEmptyAndFullAgain) {
  const std::string one = "vips:\n  - name: web\n    backends:\n      - {id: b1}\n";
  const auto empty = edit_config(one, {Act::kDelete, "web", "b1", {}});
  ASSERT_TRUE(empty) << empty.error().what;
  EXPECT_EQ(*empty, "vips:\n  - name: web\n    backends: []\n");
  EXPECT_EQ(*edit_config(*empty, {Act::kAdd, "web", "b1", {}}), one);

  const auto none = edit_config("vips: []", {Act::kAdd, "web", "", {{"port", "80"}}});
  ASSERT_TRUE(none) << none.error().what;
  EXPECT_EQ(*none, "vips:\n  - name: web\n    port: 80");
  const auto pool = edit_config(*none, {Act::kAdd, "web", "b1", {}});
  ASSERT_TRUE(pool) << pool.error().what;
  EXPECT_EQ(*pool, "vips:\n  - name: web\n    port: 80\n    backends:\n      - {id: b1}");

  const auto comma = edit_config("{vips: [{name: web,},]}", {Act::kAdd, "web", "b1", {}});
  ASSERT_TRUE(comma) << comma.error().what;
  EXPECT_EQ(*comma, "{vips: [{name: web, backends: [{id: b1}]},]}");

  const auto flow = edit_config("{vips: [{name: web}]}", {Act::kAdd, "web", "b1", {}});
  ASSERT_TRUE(flow) << flow.error().what;
  EXPECT_EQ(*flow, "{vips: [{name: web, backends: [{id: b1}]}]}");
  EXPECT_EQ(
      *edit_config(*flow, {Act::kDelete, "web", "b1", {}}), "{vips: [{name: web, backends: []}]}"
  );
}

TEST(Edit, SaysInOneLineWhyItCannot) {
  const auto refusal = [](const Edit& edit, const std::string& text = kBlock) {
    const auto out = edit_config(text, edit);
    return out ? "nothing" : out.error().what;
  };
  EXPECT_EQ(refusal({Act::kSet, "wbe", "", {{"port", "1"}}}), "no vip 'wbe'");
  EXPECT_EQ(refusal({Act::kDelete, "web", "b9", {}}), "no backend 'b9' in vip 'web'");
  EXPECT_EQ(refusal({Act::kDelete, "", "b9", {}}), "no backend 'b9'");
  EXPECT_EQ(refusal({Act::kAdd, "web", "b1", {}}), "vip 'web' has a backend 'b1'");
  EXPECT_EQ(refusal({Act::kAdd, "web", "", {}}), "vip 'web' is there already, set vip changes it");
  EXPECT_EQ(refusal({Act::kAdd, "", "b4", {}}), "which vip? name one");
  EXPECT_EQ(refusal({Act::kSet, "web", "", {}}), "nothing to set, name a key");
  EXPECT_EQ(refusal({Act::kSet, "web", "", {{"po rt", "1"}}}), "key 'po rt' is no key");
  EXPECT_EQ(
      refusal({Act::kSet, "web", "", {{"port", "1"}, {"port", "2"}}}), "key 'port' is given twice"
  );
  EXPECT_EQ(refusal({Act::kAdd, "new", "", {{"name", "x"}}}), "key 'name' is given twice");
  EXPECT_EQ(
      refusal({Act::kSet, "web", "", {{"health", "{interval: 2s"}}}),
      "health: '{interval: 2s' is no value, write it as in the file"
  );
  EXPECT_EQ(
      refusal({Act::kSet, "web", "", {{"port", "80\nnode: {}"}}}),
      "port: '80\\nnode: {}' is no value, write it as in the file"
  );
}

TEST(Edit, AFormThatCannotBeEditedIsRefusedAndNotSpoiled) {
  const std::string folded =
      "vips:\n  - name: web\n    address: >-\n      203.0.113.10\n    port: 80\n";
  const auto text = edit_config(folded, {Act::kSet, "web", "", {{"address", "203.0.113.11"}}});

  ASSERT_FALSE(text);
  EXPECT_EQ(
      text.error().what,
      "the file writes this in a form that cannot be edited in place, change it there and load it: "
      "config load FILE"
  );
}

TEST(Edit, ASectionGetsValuesWhereverItIsOrIsNot) {
  const Edit step{Act::kSet, "", "", {{"max_step", "0.1"}, {"floor", "0.5"}}, {"policy", "rails"}};
  for (const auto& [before, after] : {
           std::pair{
               "policy: {name: adaptive}\n",
               "policy: {name: adaptive, rails: {max_step: 0.1, floor: 0.5}}\n"},
           {"policy:\n  name: wlc   # why\n  rails:\n    max_step: 0  # off\n    floor: 1\nv: 1\n",
            "policy:\n  name: wlc   # why\n  rails:\n    max_step: 0.1  # off\n    floor: 0.5\nv: "
            "1\n"},
           {"vips: []\n", "vips: []\npolicy: {rails: {max_step: 0.1, floor: 0.5}}\n"},
       }) {
    const auto text = edit_config(before, step);
    ASSERT_TRUE(text) << before << text.error().what;
    EXPECT_EQ(*text, after);
  }
  EXPECT_EQ(
      edit_config("policy: wlc\n", step).error().what,
      "'policy' is no section in the file, write it as one"
  );
  EXPECT_FALSE(edit_config(kBlock, {Act::kDelete, "", "", {}, {"policy"}}));
}

}  // namespace
}  // namespace fairlead::config
