// SPDX-License-Identifier: BSD-3-Clause
// Bad calls over HTTP/JSON, each with its exact message; gRPC asks the same methods.
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "control/api/http_answers.hh"
#include "control/api/request.hh"

namespace fairlead::api {
namespace {

struct Bad {
  const char* verb;
  const char* path;
  const char* body;  // of a GET: its query as JSON
  const char* what;  // the message
};
std::ostream& operator<<(std::ostream& out, const Bad& bad) {
  return out << bad.verb << " " << bad.path << " " << bad.body;
}

#define NO_PATH(path) "no path '" path "', write /v1/ and a command's words, as in /v1/show/status"
#define NO_ARGUMENT(method, name) \
  "'" method "' has no argument '" name "', see docs/control-socket.md"
#define NEEDS(method, name) "'" method "' needs argument '" name "'"
#define NAME(name) "argument '" name "' must have 1 to 128 characters"
#define TEXT(name) "argument '" name "' must be text"
#define WHOLE(name, least, most) "argument '" name "' must be a whole number, " least " to " most
#define VALUES \
  "argument 'values' must be a list of 1 to 64, as [{\"key\":\"weight\",\"value\":\"50\"}]"
#define NO_OBJECT "not a JSON object on one line, send {\"command\":\"show status\"}"
#define TUPLE(protocol, src, sport, dst, dport)                                 \
  "{\"protocol\":" protocol ",\"src\":" src ",\"sport\":" sport ",\"dst\":" dst \
  ",\"dport\":" dport "}"
#define MISSING(name) "argument '" name "' is missing, a tuple is protocol src sport dst dport"

const Bad kBad[] = {
    // paths and verbs
    {"GET", "/", "", NO_PATH("/")},
    {"GET", "/v1/", "", NO_PATH("/v1/")},
    {"GET", "/v2/show/status", "", NO_PATH("/v2/show/status")},
    {"GET", "/v1/show/stats/", "", NO_PATH("/v1/show/stats/")},
    {"GET", "/v1/show//status", "", NO_PATH("/v1/show//status")},
    {"GET", "/v1/Show/Status", "", NO_PATH("/v1/Show/Status")},
    {"GET", "/v1/ShowStatus", "", NO_PATH("/v1/ShowStatus")},
    {"GET", "/v1/show status", "", NO_PATH("/v1/show status")},
    {"GET", "/v1/show/everything", "", NO_PATH("/v1/show/everything")},
    {"GET", "/v1/watch", "", NO_PATH("/v1/watch")},
    {"GET", "/v1/watch/packets", "", NO_PATH("/v1/watch/packets")},
    {"GET", "/metrics", "", NO_PATH("/metrics")},
    {"GET", "/v1/freeze/weights", "", "'freeze weights' is for admins, send it by POST"},
    {"GET", "/v1/show/config", "", "'show config' is for admins, send it by POST"},
    {"GET",
     "/v1/set/backend",
     "{\"backend\":\"b1\"}",
     "'set backend' is for admins, send it by POST"},
    {"POST", "/v1/watch/events", "", "a watch is asked for by GET, as in GET /v1/watch/events"},
    // bodies
    {"POST", "/v1/show/status", "now", NO_OBJECT},
    {"POST", "/v1/show/status", "[]", NO_OBJECT},
    {"POST", "/v1/show/status", "{", NO_OBJECT},
    {"POST", "/v1/show/status", "null", NO_OBJECT},
    {"POST", "/v1/show/status", "{} {}", NO_OBJECT},
    {"POST", "/v1/show/vip", R"({"vip":"a","vip":"b"})", "key 'vip' is there twice, send it once"},
    // arguments that are not there, or too many
    {"POST", "/v1/show/status", R"({"vip":"web"})", NO_ARGUMENT("show status", "vip")},
    {"GET", "/v1/show/vip", R"({"backend":"b1"})", NO_ARGUMENT("show vip", "backend")},
    {"GET", "/v1/show/backend", R"({"colour":"red"})", NO_ARGUMENT("show backend", "colour")},
    {"POST", "/v1/show/backend", R"({"a\nb":1})", NO_ARGUMENT("show backend", "a\\nb")},
    {"POST", "/v1/freeze/weights", R"({"for":"1h"})", NO_ARGUMENT("freeze weights", "for")},
    {"GET", "/v1/show/table", "", NEEDS("show table", "vip")},
    {"GET", "/v1/show/table/diff", "", NEEDS("show table diff", "vip")},
    {"POST", "/v1/set/backend", "", NEEDS("set backend", "backend")},
    {"POST", "/v1/set/backend", R"({"backend":"b1"})", NEEDS("set backend", "weight")},
    {"POST", "/v1/drain/backend", "{}", NEEDS("drain backend", "backend")},
    {"POST", "/v1/maint/backend", R"({"backend":"b1"})", NEEDS("maint backend", "switch")},
    {"POST", "/v1/config/load", R"({"name":"c.yaml"})", NEEDS("config load", "text")},
    {"POST", "/v1/config/edit", R"({"vip":"web"})", NEEDS("config edit", "edit")},
    {"POST",
     "/v1/config/edit",
     R"({"edit":"change","vip":"web"})",
     "argument 'edit': 'change' is none of add, set, delete"},
    {"POST", "/v1/config/edit", R"({"edit":"set","vip":"web","values":{"port":"1"}})", VALUES},
    {"POST", "/v1/config/edit", R"({"edit":"set","vip":"web","values":[]})", VALUES},
    {"POST",
     "/v1/config/edit",
     R"({"edit":"set","vip":"web","values":[{"key":"port","value":1}]})",
     VALUES},
    {"POST",
     "/v1/config/edit",
     R"({"edit":"set","vip":"web","values":[{"key":"port","value":"1"},{"key":"port"}]})",
     VALUES},
    {"POST", "/v1/clear/stats", R"({"port":0})", NO_ARGUMENT("clear stats", "port")},
    {"POST", "/v1/disable/vip", "{}", NEEDS("disable vip", "vip")},
    {"POST", "/v1/enable/vip", R"({"backend":"b1"})", NO_ARGUMENT("enable vip", "backend")},
    {"POST",
     "/v1/set/backend",
     R"({"backend":"b1","weight":5,"ramp_ms":999})",
     WHOLE("ramp_ms", "1000", "86400000")},
    {"POST",
     "/v1/drain/backend",
     R"({"backend":"b1","udp_deadline_ms":"10s"})",
     WHOLE("udp_deadline_ms", "1000", "604800000")},
    {"POST", "/v1/set/log", "{}", NEEDS("set log", "level")},
    // types
    {"POST", "/v1/show/vip", R"({"vip":7})", TEXT("vip")},
    {"POST", "/v1/show/vip", R"({"vip":null})", TEXT("vip")},
    {"POST", "/v1/show/vip", R"({"vip":""})", NAME("vip")},
    {"GET", "/v1/show/vip", R"({"vip":""})", NAME("vip")},
    {"POST", "/v1/show/backend", R"({"backend":["b1"]})", TEXT("backend")},
    {"POST", "/v1/set/backend", R"({"backend":"b1","weight":"50"})", WHOLE("weight", "0", "10000")},
    {"POST", "/v1/set/backend", R"({"backend":"b1","weight":-1})", WHOLE("weight", "0", "10000")},
    {"POST", "/v1/set/backend", R"({"backend":"b1","weight":1.5})", WHOLE("weight", "0", "10000")},
    {"POST",
     "/v1/set/backend",
     R"({"backend":"b1","weight":10001})",
     WHOLE("weight", "0", "10000")},
    {"POST", "/v1/set/backend", R"({"backend":"b1","weight":true})", WHOLE("weight", "0", "10000")},
    {"GET", "/v1/show/stats", R"({"worker":"first"})", WHOLE("worker", "0", "63")},
    {"GET", "/v1/show/stats", R"({"worker":"64"})", WHOLE("worker", "0", "63")},
    {"GET", "/v1/show/stats", R"({"worker":"-1"})", WHOLE("worker", "0", "63")},
    {"GET", "/v1/show/flow/list", R"({"limit":"0"})", WHOLE("limit", "1", "1000")},
    {"GET", "/v1/show/flow/list", R"({"limit":"1001"})", WHOLE("limit", "1", "1000")},
    {"POST",
     "/v1/show/flow/list",
     R"({"cursor":"12"})",
     "argument 'cursor' must be the 'next' of the answer before"},
    {"GET",
     "/v1/show/flow/list",
     R"({"state":"open"})",
     "argument 'state': 'open' is not a flow's state: new, confirmed, closing, reset, adopted"},
    {"POST", "/v1/flush/flow", R"({"vip":"web","rate":0})", WHOLE("rate", "1", "1000000000")},
    {"POST",
     "/v1/drain/backend",
     R"({"backend":"b1","deadline_ms":999})",
     WHOLE("deadline_ms", "1000", "604800000")},
    {"POST",
     "/v1/drain/backend",
     R"({"backend":"b1","then":"wait"})",
     "argument 'then': 'wait' is none of keep, reset, remove"},
    {"POST",
     "/v1/maint/backend",
     R"({"backend":"b1","switch":"yes"})",
     "argument 'switch': 'yes' is none of on, off"},
    {"POST",
     "/v1/set/log",
     R"({"level":"loud"})",
     "argument 'level': 'loud' is none of error, warn, info, debug, default"},
    {"POST",
     "/v1/config/load",
     R"({"text":""})",
     "argument 'text' must be the text of a configuration"},
    {"POST", "/v1/config/commit", R"({"confirm_ms":10})", WHOLE("confirm_ms", "1000", "86400000")},
    {"POST", "/v1/config/commit", R"({"note":""})", NAME("note")},
    {"POST",
     "/v1/config/rollback",
     R"({"revision":0})",
     "argument 'revision' must be a number as in show config history"},
    {"POST",
     "/v1/config/rollback",
     R"({"revision":"3"})",
     "argument 'revision' must be a number as in show config history"},
    {"GET",
     "/v1/show/events",
     R"({"after":"yesterday"})",
     "argument 'after' must be the number of an event, as in show events"},
    {"GET",
     "/v1/show/events",
     R"({"kind":"weather"})",
     "argument 'kind': 'weather' is none of health, drain, weights, config, generation, dataplane, "
     "agent"},
    // tuples
    {"GET", "/v1/lookup", "", NEEDS("lookup", "protocol")},
    {"GET", "/v1/lookup", R"({"protocol":"tcp"})", MISSING("src")},
    {"POST",
     "/v1/lookup",
     TUPLE("\"sctp\"", "\"1.2.3.4\"", "1", "\"5.6.7.8\"", "2"),
     "argument 'protocol': 'sctp' is neither tcp nor udp"},
    {"POST",
     "/v1/lookup",
     TUPLE("\"tcp\"", "\"host\"", "1", "\"5.6.7.8\"", "2"),
     "argument 'src': 'host' is not an address"},
    {"POST",
     "/v1/lookup",
     TUPLE("\"tcp\"", "\"1.2.3.4\"", "0", "\"5.6.7.8\"", "2"),
     WHOLE("sport", "1", "65535")},
    {"POST",
     "/v1/lookup",
     TUPLE("\"tcp\"", "\"1.2.3.4\"", "1", "\"5.6.7.8\"", "65536"),
     WHOLE("dport", "1", "65535")},
    {"POST",
     "/v1/lookup",
     TUPLE("\"tcp\"", "\"1.2.3.4\"", "1", "\"2001:db8::1\"", "2"),
     "arguments 'src' and 'dst' must be of one family, IPv4 or IPv6"},
    {"POST",
     "/v1/show/flow",
     R"({"protocol":"tcp","vip":"web"})",
     "a tuple stands alone, leave out vip, backend and worker"},
    {"POST", "/v1/clear/flow/tuple", R"({"src":"1.2.3.4"})", MISSING("protocol")},
};

class BadCall : public ::testing::TestWithParam<Bad> {};

TEST_P(BadCall, IsRefusedInOneLine) {
  const Bad& bad = GetParam();
  const bool get = std::string(bad.verb) == "GET";
  const nlohmann::json query =
      get && *bad.body != 0 ? nlohmann::json::parse(bad.body) : nlohmann::json::object();
  const auto call = http_call(bad.verb, bad.path, query, get ? "" : bad.body);
  if (!call) {
    EXPECT_EQ(call.error().what, bad.what);
    return;
  }
  const auto request = make_request(call->method, call->arguments);
  ASSERT_FALSE(request) << "it is taken";
  EXPECT_EQ(request.error().what, bad.what);
  EXPECT_EQ(request.error().code, base::ErrorCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Api, BadCall, ::testing::ValuesIn(kBad));

TEST(BadCalls, AreManyAndGoodOnesPass) {
  EXPECT_GE(std::size(kBad), 60U);
  const auto good = http_call("GET", "/v1/show/stats", {{"worker", "3"}}, "");
  ASSERT_TRUE(good) << good.error().what;
  EXPECT_EQ(make_request(good->method, good->arguments)->worker, 3U);
  EXPECT_EQ(http_call("GET", "/v1/watch/health", {}, "")->watch, "health");
}

TEST(BadCalls, HaveTheStatusOfTheirCode) {
  EXPECT_EQ(http_status(base::ErrorCode::kInvalidArgument), 400);
  EXPECT_EQ(http_status(base::ErrorCode::kPermissionDenied), 403);
  EXPECT_EQ(http_status(base::ErrorCode::kNotFound), 404);
  EXPECT_EQ(http_status(base::ErrorCode::kFailedPrecondition), 409);
  EXPECT_EQ(http_status(base::ErrorCode::kUnavailable), 503);
  EXPECT_EQ(
      error_body({base::ErrorCode::kNotFound, "no vip 'x'"}),
      "{\"code\":\"not_found\",\"message\":\"no vip 'x'\"}\n"
  );
}

}  // namespace
}  // namespace fairlead::api
