// SPDX-License-Identifier: BSD-3-Clause
// The decision log: rows, header, rotation.
#include "dataplane/decision_log.hh"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

using net::IpAddr;

path::Decision decision(const char* from, const char* to) {
  path::Decision d;
  d.now = 5'000'000;
  d.tuple = net::make_tuple(net::IpProto::kTcp, *IpAddr::parse(from), 1234, *IpAddr::parse(to), 80);
  d.vip = 0;
  d.backend = 1;
  return d;
}

const steer::Names kNames{{"web"}, {"b0", "b1"}};

std::string read(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class DecisionLogFile : public testing::Test {
 protected:
  ~DecisionLogFile() override {
    std::filesystem::remove(path_);
    std::filesystem::remove(path_ + ".1");
  }
  const std::string path_ = testing::TempDir() + "fl_decisions_" + std::to_string(::getpid());
};

TEST(DecisionRow, HasTheColumnsOfTheHeader) {
  EXPECT_EQ(
      decision_row(decision("198.51.100.7", "203.0.113.10"), 17, kNames, "lb1"),
      "17,tcp,198.51.100.7,1234,203.0.113.10,80,web,lb1,b1\n"
  );
}

TEST(DecisionRow, AnUnknownNumberGivesAnEmptyName) {
  EXPECT_EQ(
      decision_row(decision("2001:db8::1", "2001:db8::2"), 0, {}, "lb1"),
      "0,tcp,2001:db8::1,1234,2001:db8::2,80,,lb1,\n"
  );
}

TEST(FlowText, IsOneCsvField) {
  EXPECT_EQ(
      flow_text(decision("198.51.100.7", "203.0.113.10").tuple),
      "tcp:198.51.100.7:1234>203.0.113.10:80"
  );
  EXPECT_EQ(
      flow_text(decision("2001:db8::1", "2001:db8::2").tuple),
      "tcp:[2001:db8::1]:1234>[2001:db8::2]:80"
  );
}

TEST_F(DecisionLogFile, WritesTheHeaderOnceAndAppends) {
  for (int process = 0; process < 2; ++process) {
    auto log = DecisionLog::open(path_, "lb1");
    path::DecisionSink sink(4);
    ASSERT_TRUE(sink.try_push(decision("198.51.100.7", "203.0.113.10")));
    EXPECT_EQ(log->drain(sink, kNames), 1U);
  }

  const std::string text = read(path_);
  EXPECT_EQ(text.rfind(kDecisionHeader, 0), 0U);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(DecisionLogFile, AFullSinkRefusesAndWhatItHeldIsWritten) {
  auto log = DecisionLog::open(path_, "lb1");
  path::DecisionSink sink(4);
  unsigned refused = 0;
  for (int i = 0; i < 6; ++i) refused += !sink.try_push(decision("198.51.100.7", "203.0.113.10"));

  EXPECT_EQ(refused, 2U);
  EXPECT_EQ(log->drain(sink, kNames), 4U);
}

TEST_F(DecisionLogFile, FollowsItsNameWhenTheFileIsMovedAway) {
  auto log = DecisionLog::open(path_, "lb1");
  path::DecisionSink sink(4);
  const auto one_more = [&] {
    ASSERT_TRUE(sink.try_push(decision("198.51.100.7", "203.0.113.10")));
    log->drain(sink, kNames);
    log->flush();
  };
  one_more();

  std::filesystem::rename(path_, path_ + ".1");
  one_more();  // still into the old file; flush() then notices
  one_more();

  EXPECT_EQ(read(path_).rfind(kDecisionHeader, 0), 0U);
  EXPECT_NE(read(path_).find("\n"), read(path_).size() - 1) << "the third row is missing";
}

TEST_F(DecisionLogFile, AFolderThatIsNotThereIsNamed) {
  const auto log = DecisionLog::open("/nonexistent/decisions.csv", "lb1");

  ASSERT_FALSE(log);
  EXPECT_NE(log.error().what.find("/nonexistent/decisions.csv"), std::string::npos);
  EXPECT_EQ(base::exit_status(log.error()), 2);
}

TEST_F(DecisionLogFile, WhatIsNoFileIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  for (const std::string& path : {path_, std::string("/dev/full"), std::string("/tmp")}) {
    const auto log = DecisionLog::open(path, "lb1");
    ASSERT_FALSE(log) << path;
    EXPECT_EQ(base::exit_status(log.error()), 2) << log.error().what;
  }
}

}  // namespace
}  // namespace fairlead::dataplane
