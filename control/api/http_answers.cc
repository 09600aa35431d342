// SPDX-License-Identifier: BSD-3-Clause
// One rule for all paths: /v1/ and the words of the command.
#include "control/api/http_answers.hh"

#include <algorithm>

#include "control/api/methods.hh"
#include "control/api/wire.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/json_line.hh"

namespace fairlead::api {
namespace {

using base::ErrorCode;
constexpr std::string_view kVersion1 = "/v1/";

base::Error no_path(std::string_view path) {
  return {
      ErrorCode::kNotFound,
      "no path " + base::quoted(path) +
          ", write /v1/ and a command's words, as in /v1/show/status"};
}

}  // namespace

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kFailedPrecondition:
      return 409;
    case ErrorCode::kResourceExhausted:
      return 429;
    case ErrorCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

std::string error_body(const base::Error& error) {
  const nlohmann::json body = {{"code", base::to_string(error.code)}, {"message", error.what}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

base::Result<HttpCall> http_call(
    std::string_view verb,
    std::string_view path,
    const nlohmann::json& query,
    const std::string& body
) {
  if (path.rfind(kVersion1, 0) != 0) return tl::unexpected<base::Error>(no_path(path));
  std::string words(path.substr(kVersion1.size()));
  const bool blank = words.find(' ') != std::string::npos;
  std::replace(words.begin(), words.end(), '/', ' ');
  const Rpc* rpc = blank ? nullptr : find_rpc(rpc_name(words));
  if (rpc == nullptr || method_name(rpc->name()) != words)
    return tl::unexpected<base::Error>(no_path(path));
  HttpCall call;
  call.watch = watch_name(*rpc);
  if (call.watch.empty()) call.method = words;
  const Method* method = find_method(words);
  const bool writes = method != nullptr && method->writes;
  if (verb == "GET" && writes)
    return base::invalid("'" + words + "' is for admins, send it by POST");
  if (verb == "POST" && !call.watch.empty())
    return base::invalid("a watch is asked for by GET, as in GET /v1/watch/events");
  if (!query.empty() && !body.empty())
    return base::invalid("arguments are in the query and in the body, give one of them");
  if (!body.empty()) {
    FL_ASSIGN(call.arguments, sys::parse_json_object(body));
  } else {
    call.arguments = typed_arguments(*rpc, query);
  }
  return call;
}

}  // namespace fairlead::api
