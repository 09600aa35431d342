// SPDX-License-Identifier: BSD-3-Clause
// The EAL argument sets that work, and the sentences for those that do not.
#include "dataplane/eal.hh"

#include <algorithm>

#include <gtest/gtest.h>

#include "dataplane/captured_stderr.hh"

namespace fairlead::dataplane {
namespace {

bool contains(const std::vector<std::string>& args, const std::string& arg) {
  return std::find(args.begin(), args.end(), arg) != args.end();
}

EalPlan plan(bool hugepages) {
  EalPlan p;
  p.file_prefix = "lb1";
  p.hugepages = hugepages;
  p.devices = {"net_null0"};
  return p;
}

TEST(Eal, HugepagesAndOrdinaryPagesUseTheArgumentsThatExcludeEachOther) {
  const auto huge = eal_arguments(plan(true), {0, 1});
  const auto ordinary = eal_arguments(plan(false), {0, 1});

  EXPECT_TRUE(contains(huge, "--in-memory"));
  EXPECT_FALSE(contains(huge, "--no-huge"));
  EXPECT_TRUE(contains(ordinary, "--no-huge") && contains(ordinary, "--no-shconf"));
  EXPECT_FALSE(contains(ordinary, "--in-memory"));
}

TEST(Eal, KnowsTheMainThreadAloneAndItFloats) {
  EXPECT_TRUE(contains(eal_arguments(plan(false), {0, 1}), "0@(0,1)"));
}

TEST(Eal, PciIsScannedOnlyForPciPorts) {
  EalPlan with_pci = plan(true);
  with_pci.devices = {"0000:3b:00.0"};

  EXPECT_TRUE(contains(eal_arguments(plan(true), {0}), "--no-pci"));
  EXPECT_FALSE(contains(eal_arguments(with_pci, {0}), "--no-pci"));
  EXPECT_TRUE(contains(eal_arguments(with_pci, {0}), "--allow"));
}

TEST(Eal, KnowsPciAddresses) {
  EXPECT_TRUE(is_pci_device("3b:00.1"));
  EXPECT_TRUE(is_pci_device("0000:3b:00.1,mprq_en=1"));
  EXPECT_FALSE(is_pci_device("net_null0"));
  EXPECT_FALSE(is_pci_device("3b:00.8"));
}

TEST(Eal, RefusesACoreThatIsNotOurs) {
  const auto result = check_cores({0, 7}, {0, 1});

  ASSERT_FALSE(result);
  EXPECT_EQ(
      result.error().what,
      "workers.cores: core 7 is not there or not allowed to this process; choose among 0,1"
  );
}

TEST(Eal, MissingHugepagesNameTheRemedy) {
  const auto error = eal_error("EAL: Cannot get hugepage information.\n", 13, plan(true));

  EXPECT_EQ(error.code, base::ErrorCode::kResourceExhausted);
  EXPECT_NE(error.what.find("sysctl vm.nr_hugepages="), std::string::npos);
  EXPECT_NE(error.what.find("memory.hugepages: off"), std::string::npos);
}

TEST(Eal, AnUnknownDriverIsBadInputThatNamesTheDevice) {
  const auto error = eal_error("EAL: failed to parse device \"net_none0\"\n", 22, plan(false));

  EXPECT_EQ(error.code, base::ErrorCode::kInvalidArgument);
  EXPECT_NE(error.what.find("'net_null0'"), std::string::npos);
}

TEST(CapturedStderr, ReturnsWhatWasPrinted) {
  CapturedStderr captured;
  std::fputs("EAL: hello\n", stderr);

  EXPECT_EQ(captured.restore(), "EAL: hello\n");
}

TEST(CapturedStderr, TellingLineIsTheFirstThatSpeaksOfFailure) {
  EXPECT_EQ(
      telling_line("EAL: Detected 2 lcores\nEAL: Cannot do it\nEAL: bye\n"), "EAL: Cannot do it"
  );
  EXPECT_EQ(telling_line("one\ntwo\n"), "two");
}

}  // namespace
}  // namespace fairlead::dataplane
