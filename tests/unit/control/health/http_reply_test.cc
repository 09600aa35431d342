// SPDX-License-Identifier: BSD-3-Clause
// First lines and bodies of HTTP replies, and what a probe makes of them.
#include "control/health/http_reply.hh"

#include <string>

#include <gtest/gtest.h>

#include "control/health/exchange.hh"

namespace fairlead::health {
namespace {

TEST(HttpStatus, ReadsTheFirstLineOnly) {
  EXPECT_EQ(http_status("HTTP/1.1 200 OK\r\n"), 200);
  EXPECT_EQ(http_status("HTTP/1.0 503\r\n\r\n"), 503);
  EXPECT_EQ(http_status("HTTP/1.1 2"), std::nullopt);
  EXPECT_EQ(http_status(""), std::nullopt);
  EXPECT_EQ(http_status("HTT"), std::nullopt);
  EXPECT_EQ(http_status("SSH-2.0-OpenSSH"), 0);
  EXPECT_EQ(http_status("HTTP/1.1 abc OK\r\n"), 0);
  EXPECT_EQ(http_status("HTTP/1.1 2000 K\r\n"), 0);
  EXPECT_EQ(http_status("HTTP/1.1 \r\n"), 0);
}

TEST(HttpBody, EndsByLengthByChunksOrWithTheConnection) {
  struct Case {
    const char* reply;
    const char* text;
    bool whole;
    bool sound;
  };
  for (const Case& c : {
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", true, true},
           Case{"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nok", "ok", false, true},
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more", "ok", true, true},
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok", "", false, false},
           Case{"HTTP/1.1 200 OK\r\n\r\nok", "ok", false, true},
           Case{
               "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n",
               "ok",
               true,
               true},
           Case{"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nok", "ok", false, true},
           Case{
               "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokxy\r\n",
               "ok",
               false,
               false},
           Case{"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nok", "", false, false},
       }) {
    const auto body = http_body(c.reply);
    ASSERT_TRUE(body.has_value()) << c.reply;
    EXPECT_EQ(body->text, c.text) << c.reply;
    EXPECT_EQ(body->whole, c.whole) << c.reply;
    EXPECT_EQ(body->sound, c.sound) << c.reply;
  }
  EXPECT_FALSE(http_body("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n").has_value());
}

/// What a probe says of a reply that comes octet by octet and then ends.
Verdict verdict_of(const model::ProbeTalk& talk, const std::string& reply) {
  Target target;
  target.kind = model::ProbeKind::kHttp;
  target.talk = talk;
  const auto exchange = open_exchange(target);
  for (const char octet : reply) {
    if (const auto verdict = exchange->on_bytes({&octet, 1})) return *verdict;
  }
  return exchange->on_end();
}

TEST(HttpExchange, StatusAndBodyDecide) {
  const auto talk = [](std::vector<model::StatusRange> status, const char* body, const char* regex
                    ) {
    model::ProbeTalk out;
    out.status = std::move(status);
    out.body = body;
    out.body_regex = regex;
    return out;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"up\": true}\n";
  const std::string split =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nre\r\n3\r\nady\r\n";
  struct Case {
    model::ProbeTalk talk;
    std::string reply;
    Outcome outcome;
  };
  const Case cases[] = {
      {talk({{200, 399}}, "", ""), ok, Outcome::kOk},
      {talk({{200, 399}}, "", ""), "HTTP/1.1 404 No\r\n", Outcome::kBadStatus},
      {talk({{200, 299}, {404, 404}}, "", ""), "HTTP/1.1 404 No\r\n", Outcome::kOk},
      {talk({{200, 299}, {404, 404}}, "", ""), "HTTP/1.1 403 No\r\n", Outcome::kBadStatus},
      {talk({{200, 399}}, "up", ""), ok, Outcome::kOk},
      {talk({{200, 399}}, "down", ""), ok, Outcome::kBadBody},
      {talk({{200, 399}}, "Content", ""), ok, Outcome::kBadBody},  // headers are no body
      {talk({{200, 399}}, "", "\"up\": *true"), ok, Outcome::kOk},
      {talk({{200, 399}}, "", "\"up\": *false"), ok, Outcome::kBadBody},
      {talk({{200, 399}}, "up", "false"), ok, Outcome::kBadBody},  // both, where both are given
      {talk({{200, 399}}, "ready", ""), split, Outcome::kOk},
      {talk({{200, 399}}, "up", ""), "HTTP/1.1 200 OK\r\n\r\nu", Outcome::kBadBody},
      {talk({{200, 399}}, "up", ""),
       "HTTP/1.1 200 OK\r\n\r\n" + std::string(70'000, 'x') + "up",
       Outcome::kBadBody},
      {talk({{200, 399}}, "", ""), "SSH-2.0-OpenSSH_9.2\r\n", Outcome::kBadReply},
      {talk({{200, 399}}, "", ""), "", Outcome::kBadReply},
  };
  for (const Case& c : cases)
    EXPECT_EQ(verdict_of(c.talk, c.reply).outcome, c.outcome)
        << c.reply.substr(0, 80) << c.talk.body;
}

}  // namespace
}  // namespace fairlead::health
