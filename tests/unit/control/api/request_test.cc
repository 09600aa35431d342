// SPDX-License-Identifier: BSD-3-Clause
// Requests of the control socket: good ones as typed values, bad ones as one line.
#include "control/api/request.hh"

#include <ostream>

#include <gtest/gtest.h>

namespace fairlead::api {
namespace {

struct Refused {
  const char* says;
  const char* line;
  const char* message;
};
std::ostream& operator<<(std::ostream& out, const Refused& r) {
  return out << r.says;
}

#define TUPLE(protocol, src, sport, dst, dport)                                                    \
  R"({"command":"lookup","arguments":{"protocol":)" protocol R"(,"src":)" src R"(,"sport":)" sport \
  R"(,"dst":)" dst R"(,"dport":)" dport "}}"

constexpr const char* kNoObject =
    R"(not a JSON object on one line, send {"command":"show status"})";

const Refused kRefused[] = {
    {"nothing", "", kNoObject},
    {"no JSON", "show status", kNoObject},
    {"half an object", R"({"command":"show)", kNoObject},
    {"a list", R"(["show status"])", kNoObject},
    {"a number", "7", kNoObject},
    {"a key twice",
     R"({"command":"show status","command":"freeze weights"})",
     "key 'command' is there twice, send it once"},
    {"an argument twice",
     R"({"command":"set backend","arguments":{"backend":"b1","weight":1,"weight":100}})",
     "key 'weight' is there twice, send it once"},
    {"no command", "{}", R"('command' is missing or not text, send {"command":"show status"})"},
    {"a command that is a number",
     R"({"command":1})",
     R"('command' is missing or not text, send {"command":"show status"})"},
    {"an unknown command",
     R"({"command":"reboot"})",
     "unknown command 'reboot', see docs/control-socket.md"},
    {"a command with control characters",
     "{\"command\":\"a\\u0001\\nb\"}",
     "unknown command 'a\\x01\\nb', see docs/control-socket.md"},
    {"an unknown key",
     R"({"command":"show status","args":{}})",
     "unknown key 'args', known: command, arguments"},
    {"arguments as a list",
     R"({"command":"show vip","arguments":["web"]})",
     R"('arguments' must be an object, as in {"vip":"web"})"},
    {"an argument the command has not",
     R"({"command":"show status","arguments":{"vip":"web"}})",
     "'show status' has no argument 'vip', see docs/control-socket.md"},
    {"an argument nobody has",
     R"({"command":"show vip","arguments":{"colour":"red"}})",
     "'show vip' has no argument 'colour', see docs/control-socket.md"},
    {"a missing argument", R"({"command":"show table"})", "'show table' needs argument 'vip'"},
    {"a vip that is a number",
     R"({"command":"show vip","arguments":{"vip":7}})",
     "argument 'vip' must be text"},
    {"an empty vip",
     R"({"command":"show vip","arguments":{"vip":""}})",
     "argument 'vip' must have 1 to 128 characters"},
    {"no weight",
     R"({"command":"set backend","arguments":{"backend":"b1"}})",
     "'set backend' needs argument 'weight'"},
    {"a weight above all",
     R"({"command":"set backend","arguments":{"backend":"b1","weight":10001}})",
     "argument 'weight' must be a whole number, 0 to 10000"},
    {"a negative weight",
     R"({"command":"set backend","arguments":{"backend":"b1","weight":-1}})",
     "argument 'weight' must be a whole number, 0 to 10000"},
    {"a weight with a fraction",
     R"({"command":"set backend","arguments":{"backend":"b1","weight":1.5}})",
     "argument 'weight' must be a whole number, 0 to 10000"},
    {"a weight as text",
     R"({"command":"set backend","arguments":{"backend":"b1","weight":"9"}})",
     "argument 'weight' must be a whole number, 0 to 10000"},
    {"a lookup of nothing", R"({"command":"lookup"})", "'lookup' needs argument 'protocol'"},
    {"half a tuple",
     R"({"command":"lookup","arguments":{"protocol":"tcp","src":"10.0.0.1"}})",
     "argument 'sport' is missing, a tuple is protocol src sport dst dport"},
    {"a tuple of ICMP",
     TUPLE(R"("icmp")", R"("10.0.0.1")", "1", R"("10.0.0.2")", "2"),
     "argument 'protocol': 'icmp' is neither tcp nor udp"},
    {"a host name",
     TUPLE(R"("tcp")", R"("localhost")", "1", R"("10.0.0.2")", "2"),
     "argument 'src': 'localhost' is not an address"},
    {"two families",
     TUPLE(R"("tcp")", R"("10.0.0.1")", "1", R"("2001:db8::1")", "2"),
     "arguments 'src' and 'dst' must be of one family, IPv4 or IPv6"},
    {"port 0",
     TUPLE(R"("tcp")", R"("10.0.0.1")", "0", R"("10.0.0.2")", "2"),
     "argument 'sport' must be a whole number, 1 to 65535"},
    {"port 65536",
     TUPLE(R"("tcp")", R"("10.0.0.1")", "1", R"("10.0.0.2")", "65536"),
     "argument 'dport' must be a whole number, 1 to 65535"},
    {"a tuple beside a vip",
     R"({"command":"show flow","arguments":{"vip":"web","protocol":"tcp"}})",
     "a tuple stands alone, leave out vip, backend and worker"},
};

class RefusedRequests : public testing::TestWithParam<Refused> {};

TEST_P(RefusedRequests, GetOneLine) {
  const auto request = parse_request(GetParam().line);

  ASSERT_FALSE(request) << "was accepted";
  EXPECT_EQ(request.error().what, GetParam().message);
  EXPECT_EQ(request.error().code, base::ErrorCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(All, RefusedRequests, testing::ValuesIn(kRefused));

TEST(Request, SetBackendIsRead) {
  const auto r = parse_request(
      R"({"command":"set backend","arguments":{"backend":"b1","vip":"web","weight":50}})"
  );

  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->command, Command::kSetBackend);
  EXPECT_EQ(r->backend, "b1");
  EXPECT_EQ(r->vip, "web");
  EXPECT_EQ(r->weight, 50U);
  EXPECT_TRUE(writes(r->command));
}

TEST(Request, TupleIsRead) {
  const auto r =
      parse_request(TUPLE(R"("udp")", R"("2001:db8::1")", "40000", R"("2001:db8::2")", "53"));

  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->tuple->protocol, 17);
  EXPECT_EQ(r->tuple->family, 6);
  EXPECT_EQ(r->tuple->source_port(), 40000);
  EXPECT_EQ(r->tuple->destination_port(), 53);
  EXPECT_FALSE(writes(r->command));
}

TEST(Request, RepliesStayOneLine) {
  EXPECT_EQ(ok_reply({{"a", "x\ny"}}), R"({"ok":true,"result":{"a":"x\ny"}})");
  EXPECT_EQ(error_reply({base::ErrorCode::kNotFound, "no \xff"}).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace fairlead::api
