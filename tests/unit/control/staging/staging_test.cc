// SPDX-License-Identifier: BSD-3-Clause
// The life of a configuration: pending, committed, on trial, back, kept; and what is refused.
#include "control/staging/staging.hh"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace fairlead::staging {
namespace {

using base::kSecond;
using Text = Step::Text;

constexpr std::uint64_t kA = 0xa;
constexpr std::uint64_t kB = 0xb;
constexpr std::uint64_t kC = 0xc;
constexpr Moment kNow{100 * kSecond, 1'700'000'000};

Moment later(base::Nanoseconds by) {
  return {kNow.now + by, kNow.wall_s + static_cast<std::int64_t>(by / kSecond)};
}

const Staging kStaging(20);

/// Revision 1 (digest A) in force, from the file.
State started() {
  return kStaging.resume({}, kA, true, kNow).next;
}

/// A started, B committed over it.
State committed(std::optional<base::Nanoseconds> trial = std::nullopt) {
  const State pending = Staging::load(started(), "b.yaml", kB, kNow).next;
  return kStaging.commit(pending, trial, "", kNow)->next;
}

std::string refusal(const base::Result<Step>& step) {
  return step ? "accepted" : step.error().what;
}

TEST(Staging, TheFirstStartMakesRevisionOneOfTheFile) {
  const Step step = kStaging.resume({}, kA, true, kNow);

  EXPECT_EQ(step.text, Text::kFile);
  EXPECT_EQ(step.next.in_force, 1U);
  EXPECT_EQ(step.next.history, (std::vector<Revision>{{1, kNow.wall_s, "start", "", kA, 0}}));
}

TEST(Staging, LoadingPutsNothingInForce) {
  const Step step = Staging::load(started(), "b.yaml", kB, kNow);

  EXPECT_EQ(step.text, Text::kNone);
  EXPECT_EQ(step.next.in_force, 1U);
  EXPECT_EQ(step.next.pending, (Pending{"b.yaml", 1, kB, kNow.wall_s}));
}

TEST(Staging, CommitPutsPendingInForceAndInTheFile) {
  const State pending = Staging::load(started(), "b.yaml", kB, kNow).next;
  const auto step = kStaging.commit(pending, std::nullopt, "why", kNow);

  ASSERT_TRUE(step);
  EXPECT_EQ(step->text, Text::kPending);
  EXPECT_TRUE(step->replace_file);
  EXPECT_TRUE(step->next.file_behind);
  EXPECT_EQ(step->next.in_force, 2U);
  EXPECT_EQ(step->next.history.back().note, "why");
  EXPECT_FALSE(step->next.pending);
}

TEST(Staging, ATrialLeavesTheFileAloneAndGoesBackAtItsDeadline) {
  const State trial = committed(60 * kSecond);
  EXPECT_FALSE(trial.file_behind);
  EXPECT_FALSE(kStaging.expire(trial, later(60 * kSecond - 1)));

  const auto step = kStaging.expire(trial, later(60 * kSecond));

  ASSERT_TRUE(step);
  EXPECT_EQ(step->text, Text::kRevision);
  EXPECT_EQ(step->revision, 1U);
  EXPECT_FALSE(step->replace_file) << "the file never had the trial's text";
  EXPECT_EQ(step->next.in_force, 3U);
  EXPECT_EQ(step->next.history.back().origin, "not confirmed, back to 1");
  EXPECT_EQ(step->next.history.back().digest, kA);
  EXPECT_FALSE(step->next.trial);
}

TEST(Staging, AConfirmedTrialStays) {
  const auto step = Staging::confirm(committed(60 * kSecond));

  ASSERT_TRUE(step);
  EXPECT_EQ(step->text, Text::kNone);
  EXPECT_TRUE(step->replace_file);
  EXPECT_EQ(step->next.in_force, 2U);
  EXPECT_FALSE(kStaging.expire(step->next, later(3600 * kSecond)));
}

TEST(Staging, RollbackGoesToTheTextBeforeOrToANumber) {
  State three = Staging::load(committed(), "c.yaml", kC, kNow).next;
  three = kStaging.commit(three, std::nullopt, "", kNow)->next;

  const auto one_back = kStaging.roll_back(three, std::nullopt, "", kNow);
  const auto first = kStaging.roll_back(three, 1, "tired", kNow);

  ASSERT_TRUE(one_back && first);
  EXPECT_EQ(one_back->revision, 2U);
  EXPECT_EQ(one_back->next.history.back().digest, kB);
  EXPECT_EQ(first->revision, 1U);
  EXPECT_TRUE(first->replace_file);
  EXPECT_EQ(first->next.in_force, 4U);
  EXPECT_EQ(first->next.history.back().origin, "rollback to 1");
  EXPECT_EQ(first->next.history.back().note, "tired");
}

TEST(Staging, ARepeatedRollbackGoesFurtherBackAndNeverForthAgain) {
  State state = Staging::load(committed(), "c.yaml", kC, kNow).next;
  state = kStaging.commit(state, std::nullopt, "", kNow)->next;

  state = kStaging.roll_back(state, std::nullopt, "", kNow)->next;
  EXPECT_EQ(find(state, state.in_force)->digest, kB);
  const State at_b = state;
  state = kStaging.roll_back(state, std::nullopt, "", kNow)->next;
  EXPECT_EQ(find(state, state.in_force)->digest, kA);
  EXPECT_EQ(
      refusal(kStaging.roll_back(state, std::nullopt, "", kNow)),
      "there is no revision before 5, nothing to go back to"
  );

  constexpr std::uint64_t kD = 0xd;
  state = kStaging.commit(Staging::load(at_b, "d.yaml", kD, kNow).next, {}, "", kNow)->next;
  state = kStaging.roll_back(state, std::nullopt, "", kNow)->next;
  EXPECT_EQ(find(state, state.in_force)->digest, kB) << "not C, which was given up";
}

TEST(Staging, ATrialThatWasNotConfirmedIsNoRevisionToGoBackTo) {
  State state = Staging::load(committed(), "c.yaml", kC, kNow).next;
  state = kStaging.commit(state, 60 * kSecond, "", kNow)->next;
  state = kStaging.expire(state, later(60 * kSecond))->next;
  EXPECT_EQ(find(state, state.in_force)->digest, kB);

  const auto step = kStaging.roll_back(state, std::nullopt, "", kNow);

  ASSERT_TRUE(step);
  EXPECT_EQ(step->next.history.back().digest, kA);
}

TEST(Staging, ATrialRemembersThatTheFileIsBehindWhatItBeganWith) {
  const State behind = committed();  // B, which did not reach the file
  State trial = Staging::load(behind, "c.yaml", kC, kNow).next;
  trial = kStaging.commit(trial, 60 * kSecond, "", kNow)->next;
  EXPECT_TRUE(trial.file_behind);

  const auto back = kStaging.expire(trial, later(60 * kSecond));
  const Step killed = kStaging.resume(back->next, kA, true, later(61 * kSecond));
  const Step killed_in_it = kStaging.resume(trial, kA, true, later(kSecond));
  const Step killed_until_over = kStaging.resume(trial, kA, true, later(61 * kSecond));

  EXPECT_TRUE(back->replace_file) << "perhaps it can be replaced now";
  EXPECT_TRUE(back->goes_back);
  EXPECT_EQ(find(killed.next, killed.next.in_force)->digest, kB);
  EXPECT_EQ(killed_in_it.next, trial);
  EXPECT_EQ(killed_until_over.next.history.back().digest, kB);
  EXPECT_TRUE(killed_until_over.replace_file);
}

TEST(Staging, RollbackDuringATrialEndsIt) {
  const auto step = kStaging.roll_back(committed(60 * kSecond), std::nullopt, "", kNow);

  ASSERT_TRUE(step);
  EXPECT_EQ(step->revision, 1U);
  EXPECT_FALSE(step->next.trial);
  EXPECT_FALSE(step->replace_file);
}

TEST(Staging, AReloadOfTheSameTextMakesNoRevisionAndEndsATrial) {
  const Step same = kStaging.take_file(committed(), kB, "reload", kNow);
  const Step during = kStaging.take_file(committed(60 * kSecond), kA, "reload", kNow);

  EXPECT_EQ(same.text, Text::kNone);
  EXPECT_EQ(same.next.in_force, 2U);
  EXPECT_EQ(during.text, Text::kFile);
  EXPECT_FALSE(during.next.trial);
  EXPECT_EQ(during.next.history.back().origin, "reload");
}

TEST(Staging, RestartedInATrialItGoesOnUntilTheDeadline) {
  const State trial = committed(60 * kSecond);
  const Step goes_on = kStaging.resume(trial, kA, true, later(59 * kSecond));
  const Step over = kStaging.resume(trial, kA, true, later(60 * kSecond));
  const Step rebooted = kStaging.resume(trial, kA, false, later(kSecond));
  const Step edited = kStaging.resume(trial, kC, true, later(kSecond));

  EXPECT_EQ(goes_on.text, Text::kRevision);
  EXPECT_EQ(goes_on.revision, 2U);
  EXPECT_EQ(goes_on.next, trial);
  for (const Step& step : {over, rebooted}) {
    EXPECT_EQ(step.text, Text::kRevision);
    EXPECT_EQ(step.revision, 1U);
    EXPECT_FALSE(step.replace_file);
    EXPECT_EQ(step.next.history.back().origin, "not confirmed, back to 1");
    EXPECT_EQ(step.next.history.back().digest, kA);
    EXPECT_FALSE(step.next.trial);
  }
  EXPECT_EQ(edited.next.history.back().digest, kC);
}

TEST(Staging, ACommitThatDidNotReachTheFileIsFinishedAtTheNextStart) {
  const Step step = kStaging.resume(committed(), kA, true, kNow);

  EXPECT_EQ(step.text, Text::kRevision);
  EXPECT_EQ(step.revision, 2U);
  EXPECT_TRUE(step.replace_file);
}

TEST(Staging, AFileEditedWhileNobodyRanCounts) {
  State done = committed();
  done.file_behind = false;

  const Step step = kStaging.resume(done, kC, true, kNow);

  EXPECT_EQ(step.text, Text::kFile);
  EXPECT_EQ(step.next.in_force, 3U);
  EXPECT_EQ(step.next.history.back().origin, "start");
}

TEST(Staging, TheHistoryIsBoundedAndKeepsWhatATrialNeeds) {
  const Staging small(2);
  State state = small.resume({}, 1, true, kNow).next;
  for (std::uint64_t digest = 2; digest < 10; ++digest)
    state = small.take_file(state, digest, "reload", kNow).next;
  EXPECT_EQ(state.history.size(), 2U);
  EXPECT_EQ(state.in_force, 9U);

  state = Staging::load(state, "x", 100, kNow).next;
  state = small.commit(state, 60 * kSecond, "", kNow)->next;

  EXPECT_EQ(state.history.size(), 2U);
  EXPECT_NE(find(state, 9), nullptr);
  EXPECT_NE(find(state, 10), nullptr);
}

TEST(Staging, RefusesWhatMakesNoSenseAndSaysWhatToDo) {
  const State pending = Staging::load(started(), "b.yaml", kB, kNow).next;
  State stale = pending;
  stale = kStaging.take_file(stale, kC, "reload", kNow).next;
  const State same = Staging::load(started(), "a.yaml", kA, kNow).next;
  State trial = committed(60 * kSecond);
  trial = Staging::load(trial, "c.yaml", kC, kNow).next;
  struct Case {
    base::Result<Step> step;
    std::string says;
  };
  const std::vector<Case> cases = {
      {Staging::discard(started()), "nothing is pending, load a file first: config load FILE"},
      {kStaging.commit(started(), {}, "", kNow),
       "nothing is pending, load a file first: config load FILE"},
      {kStaging.commit(stale, {}, "", kNow),
       "the pending configuration was loaded over revision 1, revision 2 came since: load it "
       "again and look at config diff"},
      {kStaging.commit(same, {}, "", kNow),
       "the pending configuration is in force already, discard it: config discard"},
      {kStaging.commit(trial, {}, "", kNow),
       "revision 2 is on trial, end that first: config confirm or config rollback"},
      {Staging::confirm(committed()),
       "nothing is on trial: only config commit confirm TIME begins one"},
      {kStaging.roll_back(started(), {}, "", kNow),
       "there is no revision before 1, nothing to go back to"},
      {kStaging.roll_back(committed(), 2, "", kNow), "revision 2 says what is in force already"},
      {kStaging.roll_back(committed(), 7, "", kNow), "no revision 7 is kept; known: 1, 2"},
  };

  for (const Case& c : cases) EXPECT_EQ(refusal(c.step), c.says);
}

TEST(Staging, WhoeverSawSomethingElsePendingIsRefused) {
  const State b = Staging::load(started(), "b.yaml", kB, kNow).next;
  const State c = Staging::load(b, "edited", kC, kNow).next;

  EXPECT_TRUE(Staging::expect(started(), "none"));
  EXPECT_TRUE(Staging::expect(b, "000000000000000b"));
  EXPECT_EQ(pending_digest(c), "000000000000000c");
  for (const auto& outcome : {Staging::expect(b, "none"), Staging::expect(c, pending_digest(b))}) {
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().what.find("somebody staged something meanwhile"), std::string::npos);
  }
  const auto gone = Staging::expect(started(), pending_digest(b));
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().what.find("committed or discarded it meanwhile"), std::string::npos);
}

}  // namespace
}  // namespace fairlead::staging
