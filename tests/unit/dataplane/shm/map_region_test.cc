// SPDX-License-Identifier: BSD-3-Clause
// Regions as BPF maps: the same rules as for files, and nothing left when the last user is gone.
#include <cstdlib>
#include <filesystem>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <gtest/gtest.h>

#include "dataplane/shm/map_memory.hh"
#include "dataplane/shm/region.hh"

namespace fairlead::shm {
namespace {

class MapRegion : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "BPF maps need root";
    if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    char name[] = "/tmp/fairlead-map-region-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/flows.0";
    std::filesystem::create_directory(folder_ + "/bpf");
    ASSERT_EQ(::mount("bpf", (folder_ + "/bpf").c_str(), "bpf", 0, "mode=0700"), 0);
  }
  void TearDown() override {
    if (folder_.empty()) return;
    ::umount((folder_ + "/bpf").c_str());
    std::filesystem::remove_all(folder_);
  }

  RegionSpec spec_ = {FL_REGION_FLOWS, 65 * FL_LINE_BYTES, 64};
  std::string folder_;
  std::string path_;
};

TEST_F(MapRegion, WhatOneMappingWritesTheOtherAndALookupRead) {
  auto writer = Region::create_or_attach(path_, spec_, 5);
  ASSERT_TRUE(writer) << writer.error().what;
  const auto reader = Region::attach(path_, FL_REGION_FLOWS, Access::kRead);
  ASSERT_TRUE(reader) << reader.error().what;

  writer->at<fl_flow_bucket>(3 * FL_LINE_BYTES)->tag[2] = 77;

  EXPECT_TRUE(writer->is_map());
  EXPECT_TRUE(writer->created());
  EXPECT_EQ(reader->at<fl_flow_bucket>(3 * FL_LINE_BYTES)->tag[2], 77);
  fl_flow_bucket bucket{};
  const std::uint32_t line = 3;
  ASSERT_EQ(bpf_map_lookup_elem(reader->fd(), &line, &bucket), 0);
  EXPECT_EQ(bucket.tag[2], 77);
}

TEST_F(MapRegion, OutlivesItsProcessAndIsFoundAgain) {
  {
    auto first = Region::create_or_attach(path_, spec_, 5);
    ASSERT_TRUE(first) << first.error().what;
    first->at<fl_flow_bucket>(FL_LINE_BYTES)->tag[0] = 5;
  }

  const auto again = Region::create_or_attach(path_, spec_, 6);

  ASSERT_TRUE(again) << again.error().what;
  EXPECT_FALSE(again->created());
  EXPECT_EQ(again->at<fl_flow_bucket>(FL_LINE_BYTES)->tag[0], 5);
}

TEST_F(MapRegion, OfAnotherSizeIsReplacedAndSaysSo) {
  auto small = Region::create_or_attach(path_, spec_, 5);
  ASSERT_TRUE(small) << small.error().what;
  EXPECT_FALSE(small->replaced());

  const auto large =
      Region::create_or_attach(path_, {FL_REGION_FLOWS, 129 * FL_LINE_BYTES, 128}, 6);

  ASSERT_TRUE(large) << large.error().what;
  EXPECT_TRUE(large->created());
  EXPECT_TRUE(small->replaced());
  EXPECT_FALSE(large->replaced());
}

TEST_F(MapRegion, OfAnotherLayoutVersionIsReplaced) {
  { ASSERT_TRUE(Region::create_or_attach(path_, spec_, 5)); }
  {
    auto old = Region::attach(path_, FL_REGION_FLOWS, Access::kReadWrite);
    ASSERT_TRUE(old);
    old->at<fl_region_header>(0)->version = FL_ABI_VERSION - 1;
  }

  const auto fresh = Region::create_or_attach(path_, spec_, 6);

  ASSERT_TRUE(fresh) << fresh.error().what;
  EXPECT_TRUE(fresh->created());
}

TEST_F(MapRegion, HasOneWriterAtATimeAndLocksOfItsOwn) {
  auto first = Region::create_or_attach(path_, spec_, 5);
  auto other = Region::create_or_attach(folder_ + "/flows.1", spec_, 5);
  auto second = Region::create_or_attach(path_, spec_, 5);
  ASSERT_TRUE(first && other && second);

  EXPECT_TRUE(first->lock_writer());
  EXPECT_TRUE(other->lock_writer()) << "another region's lock";
  const auto refused = second->lock_writer();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::ErrorCode::kAlreadyExists);
}

TEST_F(MapRegion, TakesThePlaceOfAFileThatWasThereBefore) {
  ASSERT_EQ(::umount((folder_ + "/bpf").c_str()), 0);
  auto file = Region::create_or_attach(path_, spec_, 5);
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->is_map());
  ASSERT_EQ(::mount("bpf", (folder_ + "/bpf").c_str(), "bpf", 0, "mode=0700"), 0);

  const auto map = Region::create_or_attach(path_, spec_, 6);

  ASSERT_TRUE(map) << map.error().what;
  EXPECT_TRUE(map->is_map());
  EXPECT_TRUE(file->replaced());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(MapRegion, PinOfSomethingElseIsRefusedByAttach) {
  const int strange = bpf_map_create(BPF_MAP_TYPE_HASH, "strange", 4, 8, 16, nullptr);
  ASSERT_GE(strange, 0);
  ASSERT_EQ(bpf_obj_pin(strange, map_pin_of(path_).c_str()), 0);

  const auto region = Region::attach(path_, FL_REGION_FLOWS, Access::kRead);

  ASSERT_FALSE(region);
  EXPECT_EQ(region.error().code, base::ErrorCode::kDataLoss);
  ::close(strange);
}

}  // namespace
}  // namespace fairlead::shm
