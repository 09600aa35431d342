// SPDX-License-Identifier: BSD-3-Clause
// The store's file, and differences between values.
#include "control/fleet/saved.hh"

#include <cstdio>
#include <fstream>

#include <unistd.h>

#include <gtest/gtest.h>

#include "control/fleet/store.hh"

namespace fairlead::fleet {
namespace {

class SavedFile : public testing::Test {
 protected:
  void TearDown() override { std::remove(path_.c_str()); }
  const std::string path_ = "/tmp/fairlead-saved-test-" + std::to_string(::getpid()) + ".json";
};

TEST_F(SavedFile, ReadsBackWhatItWrote) {
  Saved saved;
  saved.revision = 77;
  saved.known["hold/web/b1"] = {"{\"hold\":\"drain\"}", 12};
  saved.known["config"] = {"vips: []\n", 13};
  saved.waiting["frozen"] = {"true", 0};
  saved.waiting["hold/web/b1"] = {std::nullopt, 12};

  ASSERT_TRUE(save(path_, saved));

  const auto back = load_saved(path_);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, saved);
}

TEST_F(SavedFile, MissingIsEmptyAndDamagedIsSaid) {
  EXPECT_EQ(load_saved(path_), Saved{});
  for (const char* text : {"", "{", "[]", "{\"format\":1}", "{\"format\":2}"}) {
    std::ofstream(path_) << text;
    EXPECT_EQ(load_saved(path_).error().code, base::ErrorCode::kDataLoss) << text;
  }
}

TEST(FleetValues, ChangesLeadFromOneStateToTheOther) {
  const Values before{{"a", "1"}, {"b", "2"}, {"c", "3"}};
  const Values after{{"b", "2"}, {"c", "4"}, {"d", "5"}};

  Values state = before;
  for (const Change& change : changes_between(before, after)) {
    if (change.value) {
      state[change.name] = *change.value;
    } else {
      state.erase(change.name);
    }
  }

  EXPECT_EQ(state, after);
  EXPECT_EQ(changes_between(before, after).size(), 3U);
  EXPECT_TRUE(changes_between(after, after).empty());
}

}  // namespace
}  // namespace fairlead::fleet
