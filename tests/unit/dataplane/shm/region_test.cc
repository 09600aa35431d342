// SPDX-License-Identifier: BSD-3-Clause
// Regions: made whole, re-used when they fit, refused with a reason when they do not.
#include "dataplane/shm/region.hh"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "dataplane/shm/huge_pages.hh"
#include "dataplane/shm/lock_holder.hh"

namespace fairlead::shm {
namespace {

using base::ErrorCode;

class RegionTest : public testing::Test {
 protected:
  RegionTest() {
    char name[] = "/tmp/fairlead-region-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/steering";
  }
  ~RegionTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  /// Overwrites bytes of the file behind everybody's back.
  void damage(off_t at, std::uint64_t value) {
    const int fd = ::open(path_.c_str(), O_WRONLY);
    ASSERT_EQ(::pwrite(fd, &value, sizeof value, at), 8);
    ::close(fd);
  }
  ErrorCode attach_error(fl_region_kind kind) {
    const auto region = Region::attach(path_, kind, Access::kRead);
    EXPECT_FALSE(region);
    what_ = region ? "" : region.error().what;
    return region ? ErrorCode::kInternal : region.error().code;
  }

  RegionSpec spec_ = steering_spec(8192);
  std::string folder_;
  std::string path_;
  std::string what_;
};

/// A file system of one's own whose files get huge pages if they ask.
bool mount_with_huge_pages(const std::string& folder) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", folder.c_str(), "tmpfs", 0, "huge=advise,size=64M") == 0;
}

TEST_F(RegionTest, AFlowTableLiesInHugePagesWhereTheFileSystemGrantsThem) {
  if (!mount_with_huge_pages(folder_)) GTEST_SKIP() << "may not mount, or no huge pages here";
  constexpr std::uint64_t kBuckets = 1 << 17;
  const RegionSpec spec{FL_REGION_FLOWS, (kBuckets + 1) * FL_LINE_BYTES, kBuckets};
  for (const bool created : {true, false}) {
    auto flows = Region::create_or_attach(path_, spec, 5);
    ASSERT_TRUE(flows) << flows.error().what;
    EXPECT_EQ(created, flows->created());
    std::memset(flows->data() + FL_LINE_BYTES, 1, kBuckets * FL_LINE_BYTES);
    EXPECT_GE(huge_bytes_at(flows->data()), std::uint64_t{4} << 20);
  }
  // Nobody asked for the others.
  auto steering = Region::create_or_attach(folder_ + "/other", steering_spec(8 << 20), 5);
  ASSERT_TRUE(steering) << steering.error().what;
  std::memset(steering->data() + FL_BANKS_OFFSET, 1, 8 << 20);
  EXPECT_EQ(0U, huge_bytes_at(steering->data()));
  ::umount2(folder_.c_str(), MNT_DETACH);
}

TEST_F(RegionTest, WhatOneMappingWritesTheOtherReads) {
  auto writer = Region::create_or_attach(path_, spec_, 5);
  ASSERT_TRUE(writer) << writer.error().what;
  auto reader = Region::attach(path_, FL_REGION_STEERING, Access::kRead);
  ASSERT_TRUE(reader) << reader.error().what;

  writer->at<fl_current>(FL_LINE_BYTES)->generation = 42;

  EXPECT_TRUE(writer->created());
  EXPECT_EQ(reader->at<fl_current>(FL_LINE_BYTES)->generation, 42u);
  EXPECT_EQ(reader->header().parameter, 8192u);
}

TEST_F(RegionTest, ARegionThatFitsIsReusedWithItsContent) {
  Region::create_or_attach(path_, spec_, 5)->at<fl_current>(FL_LINE_BYTES)->generation = 42;

  auto again = Region::create_or_attach(path_, spec_, 6);

  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created());
  EXPECT_EQ(again->at<fl_current>(FL_LINE_BYTES)->generation, 42u);
}

TEST_F(RegionTest, ARegionOfAnotherSizeIsReplacedAndOldMappingsNotice) {
  auto old = Region::create_or_attach(path_, spec_, 5);
  EXPECT_FALSE(old->replaced());

  auto fresh = Region::create_or_attach(path_, steering_spec(16384), 6);

  EXPECT_TRUE(fresh->created());
  EXPECT_EQ(fresh->header().parameter, 16384u);
  EXPECT_TRUE(old->replaced());
  EXPECT_FALSE(fresh->replaced());
}

TEST_F(RegionTest, NoFileIsNotFound) {
  EXPECT_EQ(attach_error(FL_REGION_STEERING), ErrorCode::kNotFound);
}

TEST_F(RegionTest, AnotherKindIsRefusedByName) {
  ASSERT_TRUE(Region::create_or_attach(path_, spec_, 5));
  EXPECT_EQ(attach_error(FL_REGION_SCORES), ErrorCode::kFailedPrecondition);
  EXPECT_NE(what_.find("of kind 'steering', expected 'scores'"), std::string::npos) << what_;
}

TEST_F(RegionTest, AnotherVersionIsRefusedAndReplacedByTheOwner) {
  ASSERT_TRUE(Region::create_or_attach(path_, spec_, 5));
  damage(offsetof(fl_region_header, version), 99 | std::uint64_t{FL_REGION_STEERING} << 32);
  EXPECT_EQ(attach_error(FL_REGION_STEERING), ErrorCode::kFailedPrecondition);
  EXPECT_NE(what_.find("layout version 99"), std::string::npos) << what_;

  EXPECT_TRUE(Region::create_or_attach(path_, spec_, 6)->created());
}

TEST_F(RegionTest, WithoutMagicItIsDamaged) {
  ASSERT_TRUE(Region::create_or_attach(path_, spec_, 5));
  damage(0, 0);
  EXPECT_EQ(attach_error(FL_REGION_STEERING), ErrorCode::kDataLoss);
}

TEST_F(RegionTest, ATruncatedFileIsDamaged) {
  ASSERT_TRUE(Region::create_or_attach(path_, spec_, 5));
  ASSERT_EQ(::truncate(path_.c_str(), 20000), 0);
  EXPECT_EQ(attach_error(FL_REGION_STEERING), ErrorCode::kDataLoss);
  ASSERT_EQ(::truncate(path_.c_str(), 10), 0);
  EXPECT_EQ(attach_error(FL_REGION_STEERING), ErrorCode::kDataLoss);
}

TEST_F(RegionTest, AHeaderThatPromisesTooMuchIsDamaged) {
  ASSERT_TRUE(Region::create_or_attach(path_, spec_, 5));
  damage(offsetof(fl_region_header, parameter), 1u << 30);
  EXPECT_EQ(attach_error(FL_REGION_STEERING), ErrorCode::kDataLoss);
}

TEST_F(RegionTest, OnlyOneWriterHasTheLock) {
  auto first = Region::create_or_attach(path_, spec_, 5);
  auto second = Region::create_or_attach(path_, spec_, 5);
  ASSERT_TRUE(first->lock_writer());

  const auto refused = second->lock_writer();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  *first = Region();
  EXPECT_TRUE(second->lock_writer());
}

// An upgrade to another layout makes new regions, but the old process is there until it is told.
TEST_F(RegionTest, TheLockHoldsForARegionOfAnotherLayoutAndSaysWhoHasIt) {
  EXPECT_FALSE(living_lock_holder(path_));
  auto old = Region::create_or_attach(path_, spec_, 5);
  ASSERT_TRUE(old->lock_writer());
  damage(offsetof(fl_region_header, version), FL_ABI_VERSION + 1);
  auto fresh = Region::create_or_attach(path_, spec_, 6);
  ASSERT_TRUE(fresh->created());

  EXPECT_FALSE(fresh->lock_writer());
  EXPECT_EQ(living_lock_holder(path_), static_cast<std::uint32_t>(::getpid()));
  *old = Region();
  EXPECT_TRUE(fresh->lock_writer());
}

TEST_F(RegionTest, AFolderThatIsNotThereIsAClearError) {
  const auto region = Region::create_or_attach("/nonexistent/x/steering", spec_, 5);
  ASSERT_FALSE(region);
  EXPECT_NE(region.error().what.find("/nonexistent/x/steering"), std::string::npos);
}

}  // namespace
}  // namespace fairlead::shm
