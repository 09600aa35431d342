// SPDX-License-Identifier: BSD-3-Clause
// Splitting without etcd.
#include "control/etcd/large.hh"

#include <gtest/gtest.h>

namespace fairlead::etcd {
namespace {

Range stored(const std::vector<std::vector<Write>>& commits) {
  Range out;
  for (const auto& commit : commits) {
    for (const Write& write : commit) out.values.push_back({write.key, write.value, 1, 1, 0});
  }
  return out;
}

TEST(EtcdLarge, AnyLengthComesBack) {
  for (const std::size_t length : {0, 1, 9, 10, 11, 20, 31}) {
    const std::string value(length, 'v');
    const LargeWrite write = split("/k", value, "u", {}, 10);
    EXPECT_EQ(write.parts.size(), (length + 9) / 10);
    auto commits = write.parts;
    commits.push_back(write.head);
    const auto back = joined("/k", stored(commits));
    ASSERT_TRUE(back && back->has_value()) << length;
    EXPECT_EQ(**back, value);
  }
}

TEST(EtcdLarge, WhatHasNoHeadIsNotThereAndLeftoversOfAnotherWriteDoNotMatter) {
  const LargeWrite old = split("/k", std::string(25, 'o'), "old", {}, 10);
  const LargeWrite fresh = split("/k", std::string(15, 'n'), "new", {{.key = "/with"}}, 10);
  EXPECT_FALSE(joined("/k", stored(old.parts))->has_value());
  auto commits = old.parts;
  commits.insert(commits.end(), fresh.parts.begin(), fresh.parts.end());
  commits.push_back(fresh.head);
  EXPECT_EQ(**joined("/k", stored(commits)), std::string(15, 'n'));
  EXPECT_EQ(fresh.head.back().key, "/with");
}

TEST(EtcdLarge, DamageIsToldAndNotReturned) {
  LargeWrite write = split("/k", std::string(25, 'v'), "u", {}, 10);
  auto commits = write.parts;
  commits.push_back(write.head);
  for (const char* head : {"", "u", "u x 3", "u 3 26", "other 3 25"}) {
    commits.back().front().value = head;
    const auto back = joined("/k", stored(commits));
    ASSERT_FALSE(back) << head;
    EXPECT_EQ(back.error().code, base::ErrorCode::kDataLoss);
  }
}

TEST(EtcdPrefix, EndsWhereTheNextBegins) {
  EXPECT_EQ(prefix_end("/a/"), "/a0");
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end(""), std::string(1, '\0'));
}

}  // namespace
}  // namespace fairlead::etcd
