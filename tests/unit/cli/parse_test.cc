// SPDX-License-Identifier: BSD-3-Clause
// The grammar table and the parser made from it.
#include "control/cli/parse.hh"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace fairlead::cli {
namespace {

base::Result<Line> parsed(const std::string& line) {
  auto tokens = tokenize(line);
  if (!tokens) return tl::unexpected<base::Error>(tokens.error());
  return parse(*tokens);
}

std::string error_of(const std::string& line) {
  const auto result = parsed(line);
  return result ? "parses" : result.error().what;
}

/// "name {arguments} flags", or the error.
std::string meaning(const std::string& line) {
  const auto result = parsed(line);
  if (!result) return result.error().what;
  std::string text = result->command.pattern->name + " " + result->command.arguments.dump();
  for (const std::string& flag : result->command.flags) text += " " + flag;
  for (const Call& f : result->filters) text += " | " + f.pattern->name + " " + f.arguments.dump();
  return text;
}

TEST(Grammar, EveryEntryHasHelpAndAnExampleThatParsesToIt) {
  for (const Pattern& pattern : command_patterns()) {
    const auto line = parsed(std::string(pattern.rule->example));

    ASSERT_TRUE(line) << pattern.rule->example << ": " << line.error().what;
    EXPECT_EQ(line->command.pattern, &pattern) << pattern.rule->example;
    EXPECT_FALSE(pattern.rule->help.empty()) << pattern.name;
  }
}

TEST(Grammar, EveryFilterHasAnExampleThatUsesIt) {
  for (const Pattern& pattern : filter_patterns()) {
    const auto line = parsed(std::string(pattern.rule->example));

    ASSERT_TRUE(line) << pattern.rule->example << ": " << line.error().what;
    EXPECT_EQ(line->filters.back().pattern, &pattern) << pattern.rule->example;
  }
}

TEST(Grammar, NamesAreUnique) {
  std::set<std::string> names;
  for (const Pattern& pattern : command_patterns()) {
    EXPECT_TRUE(names.insert(pattern.name).second) << pattern.name;
  }
}

TEST(Grammar, ExamplesOfValuesAreAccepted) {
  for (const ValueKind& kind : value_kinds()) {
    std::string text(kind.example);
    std::erase(text, '\'');
    Json arguments = Json::object();
    EXPECT_TRUE(kind.store(text, arguments)) << kind.name;
    EXPECT_FALSE(arguments.empty()) << kind.name;
  }
}

TEST(Parse, GivesNameAndArgumentsAsOnTheSocket) {
  EXPECT_EQ(meaning("show status"), "show status {}");
  EXPECT_EQ(meaning("show backend b1 vip web"), R"(show backend {"backend":"b1","vip":"web"})");
  EXPECT_EQ(
      meaning("set backend b1 vip web weight 50"),
      R"(set backend {"backend":"b1","vip":"web","weight":50})"
  );
  EXPECT_EQ(
      meaning("lookup tcp 198.51.100.7:40000 203.0.113.10:80 why"),
      R"(lookup {"dport":80,"dst":"203.0.113.10","protocol":"tcp",)"
      R"("sport":40000,"src":"198.51.100.7"} why)"
  );
  EXPECT_EQ(
      meaning("lookup udp [2001:db8::7]:53 [2001:db8::1]:443"),
      R"(lookup {"dport":443,"dst":"2001:db8::1","protocol":"udp","sport":53,"src":"2001:db8::7"})"
  );
}

TEST(Parse, AcceptsAnyUniquePrefix) {
  EXPECT_EQ(meaning("sh ba"), meaning("show backend"));
  EXPECT_EQ(meaning("se b b1 v web w 5"), meaning("set backend b1 vip web weight 5"));
  EXPECT_EQ(meaning("l t 1.2.3.4:5 5.6.7.8:9 w"), meaning("lookup tcp 1.2.3.4:5 5.6.7.8:9 why"));
  EXPECT_EQ(meaning("sh v | j"), "sh: 'v' could be vip or version");
  EXPECT_EQ(meaning("sh vi | j"), meaning("show vip | json"));
}

TEST(Parse, TakesGroupsInAnyOrderAfterTheWordsBeforeThem) {
  EXPECT_EQ(
      meaning("set backend b1 weight 50 vip web"), meaning("set backend b1 vip web weight 50")
  );
  EXPECT_EQ(meaning("show flow backend b1 vip web"), meaning("show flow vip web backend b1"));
}

TEST(Parse, ReadsAnAbbreviatedKeywordAsAValueWhereThatIsTheOnlyWay) {
  EXPECT_EQ(meaning("show backend v"), R"(show backend {"backend":"v"})");
  EXPECT_EQ(meaning("show backend v web"), R"(show backend {"vip":"web"})");
  EXPECT_EQ(meaning("show backend 'vip'"), R"(show backend {"backend":"vip"})");
}

TEST(Parse, CutsFiltersAndComments) {
  EXPECT_EQ(
      meaning("show vip | match 'a|b' | count # how many"),
      R"(show vip {} | match {"regex":"a|b"} | count {})"
  );
  EXPECT_EQ(meaning("show vip|json"), "show vip {} | json {}");
  EXPECT_EQ(
      meaning("show vip | watch 500ms 3"), R"(show vip {} | watch {"count":3,"interval_ms":500})"
  );
  EXPECT_EQ(parsed("# nothing")->command.pattern, nullptr);
  EXPECT_EQ(parsed("")->command.pattern, nullptr);
}

TEST(Parse, PartsLettersOfIpvsadmBehindANodeTooAndNeverThoseOfAFilter) {
  EXPECT_EQ(meaning("@lb1 ipvs -Ln"), meaning("ipvs -L -n"));
  EXPECT_EQ(meaning("ipvs -Ln | match -abc"), R"(ipvs -L {} -n | match {"regex":"-abc"})");
}

TEST(Parse, TakesTheNodeInFront) {
  EXPECT_EQ(parsed("@lb2 show status")->node, "lb2");
  EXPECT_EQ(error_of("@lb2"), "expected a command after @lb2; help lists them");
  EXPECT_EQ(error_of("@../x show vip"), "node '../x': write @NODE or @all, as in @lb1 show status");
}

struct BadLine {
  const char* line;
  const char* message;
};

TEST(Parse, SaysInOneLineWhatIsWrong) {
  const BadLine cases[] = {
      {"shwo vip", "unknown command 'shwo', did you mean 'show'?"},
      {"bogus",
       "unknown command 'bogus', expected show, set, drain, undrain, maint, disable, enable, "
       "clear, flush, freeze, thaw, add, del, start, stop, config, withdraw, announce, retire, "
       "lookup, dump, capture, trace, help, include, sleep, quit, "
       "exit or ipvs"},
      {"s", "'s' could be show, set, start, stop or sleep"},
      {"show",
       "show: expected status, vip, backend, table, flow, stats, rate, drop, health, drain, "
       "fleet, digest, events, memory, update, port, core, weights, agents, nodes, version, "
       "config or capture"},
      {"show sta", "show: 'sta' could be status or stats"},
      {"show vips", "show: unknown word 'vips', did you mean 'vip'?"},
      {"show table", "show table: expected VIP (a vip's name or address)"},
      {"show table web now", "show table web: unknown word 'now', expected diff"},
      {"show status verbose", "show status: nothing may follow, but there is 'verbose'"},
      {"set backend b1", "set backend b1: expected vip or weight"},
      {"set backend b1 weigth 5", "set backend b1: unknown word 'weigth', did you mean 'weight'?"},
      {"set backend b1 weight",
       "set backend b1 weight: expected WEIGHT (0 to 10000; 0: no new flows)"},
      {"set backend b1 weight vip web 5", "weight 'vip': must be a whole number from 0 to 10000"},
      {"set backend b1 weight 10001", "weight '10001': must be a whole number from 0 to 10000"},
      {"set backend b1 weight -1", "weight '-1': must be a whole number from 0 to 10000"},
      {"set backend b1 weight 5.5", "weight '5.5': must be a whole number from 0 to 10000"},
      {"set backend b1 weight 0x10", "weight '0x10': must be a whole number from 0 to 10000"},
      {"set backend b1 weight 5 weight 6",
       "set backend b1 weight 5: unknown word 'weight', expected vip or ramp"},
      {"drain backend b/1", "backend 'b/1': must be 1 to 64 letters, digits, '.', '_', '-' or ':'"},
      {"drain backend ''", "backend '': must be 1 to 64 letters, digits, '.', '_', '-' or ':'"},
      {"lookup icmp 1.2.3.4:5 5.6.7.8:9", "protocol 'icmp': must be tcp or udp"},
      {"lookup tpc 1.2.3.4:5 5.6.7.8:9", "protocol 'tpc': must be tcp or udp, did you mean 'tcp'?"},
      {"lookup tcp 1.2.3.4 5.6.7.8:9",
       "source '1.2.3.4': write ADDRESS:PORT, IPv6 as [ADDRESS]:PORT"},
      {"lookup tcp 1.2.3.400:5 5.6.7.8:9",
       "source '1.2.3.400:5': '1.2.3.400' is not an IP address"},
      {"lookup tcp 1.2.3.4:0 5.6.7.8:9", "source '1.2.3.4:0': port '0' must be from 1 to 65535"},
      {"lookup tcp 1.2.3.4:5 5.6.7.8:65536",
       "destination '5.6.7.8:65536': port '65536' must be from 1 to 65535"},
      {"lookup tcp 2001:db8::1:80 5.6.7.8:9",
       "source '2001:db8::1:80': an IPv6 address needs brackets, [ADDRESS]:PORT"},
      {"lookup tcp 1.2.3.4:5 [2001:db8::1]:80",
       "destination '[2001:db8::1]:80': source and destination must be of one family"},
      {"lookup tcp 1.2.3.4:5 5.6.7.8:9 whny",
       "lookup tcp 1.2.3.4:5 5.6.7.8:9: unknown word 'whny', did you mean 'why'?"},
      {"show flow vip web tuple tcp 1.2.3.4:5 5.6.7.8:9",
       "show flow vip web: unknown word 'tuple', expected backend, worker or file"},
      {"show flow list state half",
       "state 'half': must be new, confirmed, closing, reset or adopted"},
      {"flush flow vip web rate 0", "rate '0': must be a whole number from 1 to 1000000000"},
      {"show rate every 10ms", "interval '10ms': write 500ms, 2s, 1m or 1h, from 100ms to 24h"},
      {"show rate every nan", "interval 'nan': write 500ms, 2s, 1m or 1h, from 100ms to 24h"},
      {"show rate count 0", "count '0': must be a whole number from 1 to 1000000"},
      {"show vip |", "expected json, match, count or watch after |"},
      {"| json", "expected a command; help lists them"},
      {"show vip | jsno", "unknown filter 'jsno', did you mean 'json'?"},
      {"show vip | match '('", "regular expression '(': Unmatched ( or \\("},
      {"show vip | json | json", "| json: may be given once"},
      {"show vip 'web", "quote opened in column 10 is not closed"},
      {"freeze", "freeze: expected weights"},
  };
  for (const BadLine& c : cases) {
    const auto result = parsed(c.line);
    ASSERT_FALSE(result) << c.line;
    EXPECT_EQ(result.error().what, c.message) << c.line;
    EXPECT_EQ(result.error().code, base::ErrorCode::kInvalidArgument) << c.line;
  }
}

TEST(Parse, RefusesAnExpressionThatWouldExhaustTheStack) {
  const auto result = parsed("show vip | match " + std::string(40000, '('));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, "regular expression: longer than 256 characters, shorten it");
}

}  // namespace
}  // namespace fairlead::cli
