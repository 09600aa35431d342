// SPDX-License-Identifier: BSD-3-Clause
// Pcap files: what is refused, with which words, and that writing is exact.
#include "dataplane/pcap_file.hh"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

#include <gtest/gtest.h>

#include "dataplane/sys/input_file.hh"

namespace fairlead::dataplane {
namespace {

class PcapFile : public testing::Test {
 protected:
  PcapFile() : folder_(testing::TempDir() + "fl_pcap_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~PcapFile() override { std::filesystem::remove_all(folder_); }

  std::string path(const char* name) const { return folder_ + "/" + name; }
  std::string write(const std::string& bytes) const {
    std::ofstream(path("in"), std::ios::binary) << bytes;
    return path("in");
  }
  static std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string good() const {
    auto writer = PcapWriter::create(path("good"));
    for (unsigned i = 0; i < 2; ++i) {
      writer->begin(1'000'001 + i, 4);
      writer->append("abcd", 4);
    }
    EXPECT_TRUE(writer->commit());
    return read(path("good"));
  }
  static base::Result<PcapSummary> checked(const std::string& file) {
    FL_ASSIGN(const sys::UniqueFd opened, sys::open_input(file, "a pcap file"));
    return check_pcap(opened.get(), file);
  }
  static std::string refusal(const std::string& file) {
    const auto result = checked(file);
    return result ? "accepted" : result.error().what;
  }

 private:
  std::string folder_;
};

TEST_F(PcapFile, CountsPackets) {
  const auto summary = checked(write(good()));

  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->packets, 2U);
  EXPECT_EQ(summary->longest, 4U);
}

TEST_F(PcapFile, WritesHeaderAndRecords) {
  const std::string bytes = good();

  ASSERT_EQ(bytes.size(), 24U + 2 * (16U + 4U));
  EXPECT_EQ(bytes.substr(24, 8), std::string("\x01\0\0\0\x01\0\0\0", 8));
  EXPECT_EQ(bytes.substr(40, 4), "abcd");
}

TEST_F(PcapFile, RefusesMissing) {
  EXPECT_NE(refusal(path("none")).find("No such file"), std::string::npos);
}

TEST_F(PcapFile, RefusesEmpty) {
  EXPECT_NE(refusal(write("")).find("file is empty"), std::string::npos);
}

TEST_F(PcapFile, RefusesAFolder) {
  EXPECT_NE(refusal(testing::TempDir()).find("not a regular file"), std::string::npos);
}

TEST_F(PcapFile, RefusesText) {
  EXPECT_NE(
      refusal(write("packet,flow,vip,backend\n1,2,3,4\n")).find("not a pcap file"),
      std::string::npos
  );
}

TEST_F(PcapFile, RefusesAFileWithoutPackets) {
  EXPECT_NE(refusal(write(good().substr(0, 24))).find("holds no packets"), std::string::npos);
}

TEST_F(PcapFile, RefusesAFileCutInAPacketAndSaysWhere) {
  EXPECT_NE(
      refusal(write(good().substr(0, 24 + 20 + 18))).find("damaged after packet 1"),
      std::string::npos
  );
}

TEST_F(PcapFile, RefusesAFileCutInARecordHeader) {
  EXPECT_NE(
      refusal(write(good().substr(0, 24 + 20 + 7))).find("damaged after packet 1"),
      std::string::npos
  );
}

TEST_F(PcapFile, RefusesAFileCutInItsHeader) {
  EXPECT_NE(refusal(write(good().substr(0, 11))).find("not a pcap file"), std::string::npos);
}

TEST_F(PcapFile, RefusesAnAbsurdLength) {
  std::string bytes = good();
  bytes[24 + 8 + 3] = '\x7f';
  EXPECT_NE(refusal(write(bytes)).find("damaged after packet 0"), std::string::npos);
}

TEST_F(PcapFile, RefusesOtherLinkTypes) {
  std::string bytes = good();
  bytes[20] = 101;  // raw IP
  EXPECT_NE(refusal(write(bytes)).find("only Ethernet"), std::string::npos);
}

TEST_F(PcapFile, CutAnywhereItIsRefusedOrShorter) {
  const std::string whole = good();

  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto summary = checked(write(whole.substr(0, length)));
    if (summary) {
      EXPECT_EQ(summary->packets, 1U) << length;
    } else {
      EXPECT_EQ(base::exit_status(summary.error()), 2) << length;
    }
  }
}

}  // namespace
}  // namespace fairlead::dataplane
