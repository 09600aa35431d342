// SPDX-License-Identifier: BSD-3-Clause
// Which sockets a command goes to.
#include "control/cli/place.hh"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace fairlead::cli {
namespace {

class PlaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fairlead-place-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void add_node(const std::string& id) const {
    std::filesystem::create_directories(root_ + "/" + id);
    std::ofstream(root_ + "/" + id + "/control.sock") << "";
  }
  [[nodiscard]] Selection selection() const {
    Selection s;
    s.root = root_;
    return s;
  }

  std::string root_;
};

TEST_F(PlaceTest, TakesTheOnlyNode) {
  add_node("lb1");
  std::filesystem::create_directories(root_ + "/empty");

  const auto found = places(selection(), "");

  ASSERT_TRUE(found);
  EXPECT_EQ(found->front().control_socket, root_ + "/lb1/control.sock");
  EXPECT_EQ(found->front().dataplane_socket, root_ + "/lb1/dataplane.sock");
}

TEST_F(PlaceTest, AsksToChooseAmongSeveral) {
  add_node("lb2");
  add_node("lb1");

  const auto found = places(selection(), "");

  ASSERT_FALSE(found);
  EXPECT_EQ(
      found.error().what, "2 nodes run here (lb1, lb2); choose one with --node ID, as in --node lb1"
  );
  EXPECT_EQ(base::exit_status(found.error()), 2);
}

TEST_F(PlaceTest, SaysThatNoneRuns) {
  const auto found = places(selection(), "");

  ASSERT_FALSE(found);
  EXPECT_EQ(
      found.error().what,
      "no node runs here: no control.sock in a directory of " + root_ +
          "; start fairlead-control, or say where with --runtime-dir DIR or --socket PATH"
  );
  EXPECT_EQ(base::exit_status(found.error()), 1);
}

TEST_F(PlaceTest, GoesToNeighboursByName) {
  add_node("lb1");
  add_node("lb2");
  Selection s = selection();
  s.runtime_dir = root_ + "/lb1/";

  EXPECT_EQ(places(s, "")->front().node, "lb1");
  EXPECT_EQ(places(s, "lb2")->front().control_socket, root_ + "/lb2/control.sock");
  EXPECT_EQ(places(s, "all")->size(), 2U);
}

TEST_F(PlaceTest, FindsTheOtherSocketBesideTheOneGiven) {
  Selection s = selection();
  s.socket = "/x/lb1/my.sock";

  EXPECT_EQ(places(s, "")->front().control_socket, "/x/lb1/my.sock");
  EXPECT_EQ(places(s, "")->front().dataplane_socket, "/x/lb1/dataplane.sock");
}

}  // namespace
}  // namespace fairlead::cli
