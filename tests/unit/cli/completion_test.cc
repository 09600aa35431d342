// SPDX-License-Identifier: BSD-3-Clause
// Tab and ?.
#include "control/cli/completion.hh"

#include <string>

#include <gtest/gtest.h>

namespace fairlead::cli {
namespace {

std::vector<std::string> fake_names(NameSource source, const std::string& partial) {
  if (source == NameSource::kNodes) return {"lb1", "lb2", "all"};
  if (source == NameSource::kFiles) return {partial + "line.yaml", partial + "low/"};
  if (source == NameSource::kVips) return {"web", "dns"};
  return {"b1", "b2", "b10"};
}

std::string insertion(const std::string& line) {
  return complete(line, fake_names).insert;
}

std::string candidates(const std::string& line) {
  std::string text;
  for (const Candidate& c : complete(line, fake_names).candidates) text += c.word + " ";
  return text;
}

TEST(Completion, InsertsTheRestOfAUniqueWord) {
  EXPECT_EQ(insertion("sh"), "ow ");
  EXPECT_EQ(insertion("show ba"), "ckend ");
  EXPECT_EQ(insertion("drain "), "backend ");
  EXPECT_EQ(insertion("show vip | js"), "on ");
}

TEST(Completion, InsertsWhatSeveralWordsShare) {
  EXPECT_EQ(insertion("show st"), "at");
  EXPECT_EQ(insertion("show sta"), "t") << "status and stats part after stat";
  EXPECT_EQ(insertion("show stat"), "");
  EXPECT_EQ(candidates("show stat"), "status stats ");
}

TEST(Completion, AsksForNamesOfVipsAndBackends) {
  EXPECT_EQ(insertion("show table w"), "eb ");
  EXPECT_EQ(insertion("drain backend "), "b");
  EXPECT_EQ(candidates("drain backend b1"), "b1 b10 ");
  EXPECT_EQ(candidates("show backend b1 "), "vip ");
}

TEST(Completion, DescribesValuesThatItCannotList) {
  EXPECT_EQ(candidates("set backend b1 weight "), "WEIGHT ");
  EXPECT_EQ(insertion("set backend b1 weight "), "");
  EXPECT_EQ(candidates("lookup "), "tcp udp ");
  EXPECT_EQ(candidates("lookup tcp "), "SOURCE ");
}

TEST(Completion, TellsWhatFollowsAWordNotTheWholeCommandAgain) {
  EXPECT_NE(
      describe(complete("set backend b1 ", fake_names)).find("vip     a vip's name"),
      std::string::npos
  );
  EXPECT_NE(
      describe(complete("set backend b1 ", fake_names)).find("weight  0 to 10000"),
      std::string::npos
  );
  EXPECT_NE(
      describe(complete("show backend ", fake_names)).find("vip      a vip's name"),
      std::string::npos
  );
  EXPECT_NE(
      describe(complete("show ", fake_names)).find("flow     several commands"), std::string::npos
  );
  EXPECT_NE(describe(complete("show ", fake_names)).find("vip      vips with"), std::string::npos);
}

TEST(Completion, KnowsWhenTheLineMayEnd) {
  EXPECT_TRUE(complete("show backend ", fake_names).may_end);
  EXPECT_FALSE(complete("show table ", fake_names).may_end);
  EXPECT_FALSE(complete("", fake_names).may_end);
}

TEST(Completion, WorksAfterTheNodeAndOffersNothingAfterAMistake) {
  EXPECT_EQ(insertion("@lb1 sh"), "ow ");
  EXPECT_EQ(candidates("shwo "), "");
  EXPECT_EQ(candidates("show vip | bogus "), "");
  EXPECT_EQ(describe(complete("shwo ", fake_names)), "  nothing fits here\n");
}

TEST(Completion, KnowsFilesAndNodes) {
  EXPECT_EQ(candidates("config check fair"), "fairline.yaml fairlow/ ");
  EXPECT_EQ(insertion("config load fairli"), "l");
  EXPECT_EQ(candidates("@"), "@lb1 @lb2 @all ");
  EXPECT_EQ(insertion("@a"), "ll ");
  EXPECT_EQ(insertion("@l"), "b");
}

TEST(Completion, ListsEveryVerbOnAnEmptyLine) {
  EXPECT_EQ(
      candidates(""),
      "show set drain undrain maint disable enable clear flush freeze thaw add del start stop "
      "config withdraw announce retire lookup dump capture trace help include sleep quit exit ipvs "
  );
}

}  // namespace
}  // namespace fairlead::cli
