// SPDX-License-Identifier: BSD-3-Clause
// Reading the beginning of an HTTP/1 reply (RFC 9112). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fairlead::health {

/// Status code of a reply's beginning: nullopt while its first line is incomplete, 0 if it is no
/// HTTP.
std::optional<int> http_status(std::string_view reply);

/// What is there of a reply's body, without the marks of chunks.
struct HttpBody {
  std::string text;
  bool whole = false;  // nothing more will come; a body without a length ends with the connection
  bool sound = true;   // false: a length or chunk that is none
};
/// nullopt while the headers are incomplete.
std::optional<HttpBody> http_body(std::string_view reply);

}  // namespace fairlead::health
