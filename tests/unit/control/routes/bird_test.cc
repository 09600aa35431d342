// SPDX-License-Identifier: BSD-3-Clause
// What BIRD's answers mean, and programs that are run.
#include "control/routes/bird.hh"

#include <gtest/gtest.h>

#include "control/routes/announcer.hh"

namespace fairlead::routes {
namespace {

TEST(BirdVerdict, TheLastLineOfAnAnswerDecides) {
  EXPECT_TRUE(bird_verdict("0011-fairlead4: enabled\n fairlead6: already enabled\n0000 \n"));
  EXPECT_TRUE(bird_verdict("0011 fairlead4: enabled\n"));
  EXPECT_EQ(bird_verdict("8003 No protocols match\n").error().code, base::ErrorCode::kNotFound);
  const auto refused = bird_verdict("0009-fairlead4: disabled\n8007 Access denied\n");
  EXPECT_EQ(refused.error().what, "BIRD says: Access denied");
  for (const char* cut : {"", "0011", "0011-fairlead4: enabled\n", "0011 fairlead4: enab"})
    EXPECT_EQ(bird_verdict(cut).error().code, base::ErrorCode::kUnavailable) << cut;
}

TEST(RunProgram, TellsHowItEnded) {
  const std::string check = "test \"$0 $1\" = 'announce lb1'";
  EXPECT_EQ(run_program("/bin/sh", {"-c", check, "announce", "lb1"}, 10 * base::kSecond), "");
  EXPECT_EQ(run_program("/bin/sh", {"-c", "exit 7"}, 10 * base::kSecond), "/bin/sh: exit status 7");
  EXPECT_EQ(
      run_program("/nowhere/hook", {}, base::kSecond), "/nowhere/hook: No such file or directory"
  );
  EXPECT_EQ(
      run_program("/bin/sleep", {"1000"}, 20 * base::kMillisecond),
      "/bin/sleep: did not end in time and was killed"
  );
}

}  // namespace
}  // namespace fairlead::routes
