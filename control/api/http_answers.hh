// SPDX-License-Identifier: BSD-3-Clause
// Paths, queries and bodies of HTTP/JSON as methods and arguments. Pure.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "dataplane/base/result.hh"

namespace fairlead::api {

/// HTTP's status for an error.
int http_status(base::ErrorCode code);
/// {"code":"not_found","message":"one line"}
std::string error_body(const base::Error& error);

struct HttpCall {
  std::string method;  // "show backend"; of a watch: ""
  std::string watch;   // "health"; else ""
  nlohmann::json arguments = nlohmann::json::object();
};

/// `verb` GET or POST, `path` "/v1/show/backend"; `query` its texts, `body` of a POST. Errors:
/// kNotFound (no such path), kInvalidArgument (wrong verb, no JSON object, query and body at once).
base::Result<HttpCall> http_call(
    std::string_view verb,
    std::string_view path,
    const nlohmann::json& query,
    const std::string& body
);

}  // namespace fairlead::api
