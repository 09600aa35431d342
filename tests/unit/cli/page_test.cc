// SPDX-License-Identifier: BSD-3-Clause
// Tables, units and pages.
#include "control/cli/page.hh"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "control/cli/nearest.hh"
#include "control/cli/pages.hh"
#include "control/cli/units.hh"

namespace fairlead::cli {
namespace {

constexpr Column kColumns[] = {
    {"NAME", "name"},
    {"COUNT", "count", Format::kCount},
    {"SHARE", "share", Format::kPercent},
    {"NEVER", "never"},
};

Json sample() {
  return Json::parse(R"([{"name":"a","count":1234567,"share":0.5},{"name":"long"}])");
}

TEST(Table, AlignsNumbersRightAndTextLeft) {
  const Page page{{table_of(sample(), kColumns)}};

  EXPECT_EQ(
      render(page),
      "NAME      COUNT    SHARE\n"
      "a     1,234,567  50.00 %\n"
      "long          -        -\n"
  );
}

TEST(Table, GoesOnBelowWhereTheTerminalIsTooNarrow) {
  const Page page{{table_of(sample(), kColumns)}};

  EXPECT_EQ(render(page, 24), render(page)) << "it just fits";
  EXPECT_EQ(
      render(page, 23),
      "NAME      COUNT\n"
      "a     1,234,567\n"
      "long          -\n"
      "\n"
      "NAME    SHARE\n"
      "a     50.00 %\n"
      "long        -\n"
  );
  EXPECT_EQ(render(page, 1), render(page, 23)) << "one column each is the least";
}

TEST(Table, SurvivesFieldsOfAnyType) {
  const Json odd = Json::parse(
      R"([{"name":null,"count":"x","share":{"a":1}},{"name":[1],"count":1e300,"share":-1},7,null])"
  );

  EXPECT_EQ(row_count(Page{{table_of(odd, kColumns)}}), 4U);
}

TEST(Table, MakesControlCharactersHarmless) {
  EXPECT_EQ(cell(Json{{"name", "a\x1b[2Jb\n"}}, "name", Format::kText), "a?[2Jb?");
}

TEST(Filter, MatchKeepsTheHeadingAndTheRowsThatFit) {
  const Page page{{table_of(sample(), kColumns)}};

  EXPECT_EQ(row_count(matching(page, "^lo")), 1U);
  EXPECT_EQ(row_count(matching(page, "^(a|long)")), 2U);
  EXPECT_EQ(row_count(matching(page, "nothing")), 0U);
  EXPECT_EQ(render(matching(page, "nothing")), "NAME  COUNT  SHARE\n");
}

TEST(Filter, CountIsANumberForOneTableAndALineForEachOfSeveral) {
  const Table table = table_of(sample(), kColumns);
  const Table list = list_of(Json{{"name", "long"}}, kColumns);

  EXPECT_EQ(count_text(Page{{table}}), std::to_string(table.rows.size()) + "\n");
  EXPECT_EQ(count_text(Page{{list, table, "a line"}}), std::to_string(table.rows.size()) + "\n");
  EXPECT_EQ(
      count_text(Page{{table, matching(Page{{table}}, "^lo").blocks[0]}}),
      std::to_string(table.rows.size()) + " NAME\n1 NAME\n"
  );
  EXPECT_EQ(count_text(Page{{"one", "two"}}), "2\n");
  EXPECT_EQ(count_text(Page{}), "0\n");
}

TEST(Filter, OfSeveralTablesThoseWithRowsStay) {
  const Table list = list_of(Json{{"name", "long"}}, kColumns);
  const Page page{{table_of(sample(), kColumns), list}};

  EXPECT_EQ(render(matching(page, "NAME  long")), "NAME  long\n");
  const std::string both = render(page);
  EXPECT_NE(both.find("\n\nNAME  long\n"), std::string::npos) << both;
}

TEST(Units, AreReadable) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(-1234), "-1,234");
  EXPECT_EQ(format_count(123456), "123,456");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_rate(12345, "pps"), "12.3 kpps");
  EXPECT_EQ(format_microseconds(3.5), "3.5 us");
  EXPECT_EQ(format_microseconds(1250), "1.25 ms");
  EXPECT_EQ(format_age(0.08), "80 ms");
  EXPECT_EQ(format_age(3725), "1h 2m");
  EXPECT_EQ(format_age(200000), "2d 7h");
}

TEST(Nearest, FindsTypingMistakesAndNothingElse) {
  const std::vector<std::string> known = {"status", "stats", "backend", "b1"};

  EXPECT_EQ(nearest("statsu", known), "status");
  EXPECT_EQ(nearest("bakcend", known), "backend");
  EXPECT_EQ(nearest("b7", known), "b1");
  EXPECT_EQ(nearest("zebra", known), std::nullopt);
  EXPECT_EQ(nearest("", known), std::nullopt);
}

TEST(Pages, SayWhenANumberOfWorkersWillCount) {
  const auto patterns = command_patterns();
  const auto pattern = std::find_if(patterns.begin(), patterns.end(), [](const Pattern& one) {
    return one.name == "set worker count";
  });
  ASSERT_NE(pattern, patterns.end());
  Call call;
  call.pattern = &*pattern;

  EXPECT_EQ(
      render(page_of(call, Json::parse(R"({"workers":3,"before":2})"))),
      "OK workers: 2 before, 3 now\n"
  );
  EXPECT_EQ(
      render(page_of(call, Json::parse(R"({"workers":3,"before":2,"forwarding":false})"))),
      "OK workers: 2 before, 3 from start on; forwarding is stopped\n"
  );
}

TEST(Pages, NeverFailWhateverTheDaemonSends) {
  const Json replies[] = {
      Json::object(),
      Json::parse(R"({"vips":7,"backends":{},"reasons":[1],"total":[],"workers":null,"found":"x"})"
      ),
      Json::parse(R"({"vip":1,"flow":[],"candidates":[null,5],"regions":3,"control":7,"shares":""})"
      ),
  };
  for (const Pattern& pattern : command_patterns()) {
    for (const Json& reply : replies) {
      Call call;
      call.pattern = &pattern;
      EXPECT_NO_THROW(render(page_of(call, reply))) << pattern.name << " " << reply.dump();
      call.flags = {"why"};
      EXPECT_NO_THROW(render(page_of(call, reply))) << pattern.name << " " << reply.dump();
    }
  }
}

}  // namespace
}  // namespace fairlead::cli
