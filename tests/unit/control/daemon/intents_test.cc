// SPDX-License-Identifier: BSD-3-Clause
// From health and drains to member states.
#include "control/intents.hh"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

// One letter per member. In: U up, D down, F down a moment ago, ? unknown, lower case: draining.
// Out: A active, d draining, X down.
std::string states(std::string_view members, std::uint32_t min_healthy_pct = 0) {
  std::vector<MemberFacts> facts;
  for (const char c : members) {
    MemberFacts m;
    m.draining = c == 'u' || c == 'd' || c == 'f' || c == '!';
    m.health = c == 'U' || c == 'u'   ? health::State::kUp
               : c == '?' || c == '!' ? health::State::kUnknown
                                      : health::State::kDown;
    m.in_doubt = c == 'F' || c == 'f';
    facts.push_back(m);
  }
  std::string out;
  for (const fl_member_state s : member_states(facts, min_healthy_pct)) {
    out += s == FL_MEMBER_ACTIVE ? 'A' : s == FL_MEMBER_DRAINING ? 'd' : 'X';
  }
  return out;
}

TEST(MemberStates, UnhealthyGetsNothing) {
  EXPECT_EQ(states("UDU"), "AXA");
}

TEST(MemberStates, DrainingKeepsItsFlowsWhileHealthy) {
  EXPECT_EQ(states("Uud"), "AdX");
}

TEST(MemberStates, WhoFellAMomentAgoKeepsItsFlows) {
  EXPECT_EQ(states("UFD"), "AdX");
  EXPECT_EQ(states("fF"), "dd");
  EXPECT_EQ(states("UFFF", 50), "AAAA");
}

TEST(MemberStates, JoiningBackendProvesItselfFirst) {
  EXPECT_EQ(states("U?D"), "AXX");
}

TEST(MemberStates, NobodyProbedYetMeansAllAreUsed) {
  EXPECT_EQ(states("??"), "AA");
}

TEST(MemberStates, UnknownIsBetterThanDown) {
  EXPECT_EQ(states("D?"), "XA");
}

TEST(MemberStates, AllDownIsAnEmptyTable) {
  EXPECT_EQ(states("DD"), "XX");
}

TEST(MemberStates, TooFewHealthyOpensThePool) {
  EXPECT_EQ(states("UDDD", 50), "AAAA");
  EXPECT_EQ(states("UUDD", 50), "AAXX");
}

TEST(MemberStates, DrainingDoesNotCountForTheFraction) {
  EXPECT_EQ(states("UUuu", 60), "AAdd");
  EXPECT_EQ(states("UDdd", 60), "AAdd");
}

}  // namespace
}  // namespace fairlead::control
