// SPDX-License-Identifier: BSD-3-Clause
// Any line on the control socket, any path, query and body over HTTP: taken, or refused in one
// line.
#include <cstdint>
#include <string>
#include <string_view>

#include "control/api/http_answers.hh"
#include "control/api/request.hh"
#include "dataplane/base/check.hh"

namespace fairlead::api {
namespace {

template <typename T>
void expect_one_line(const base::Result<T>& result) {
  if (result) return;
  FL_CHECK(!result.error().what.empty());
  FL_CHECK(result.error().what.size() < 1000);
  for (const char c : result.error().what) FL_CHECK(static_cast<unsigned char>(c) >= 0x20);
}

/// Lines: a request of the socket; verb and path; body; query as KEY=VALUE each.
void run(std::string_view text) {
  expect_one_line(parse_request(text));
  const std::size_t first = text.find('\n');
  if (first == std::string_view::npos) return;
  const std::string_view path = text.substr(0, first);
  const std::size_t second = text.find('\n', first + 1);
  const std::string body(text.substr(first + 1, second - first - 1));
  nlohmann::json query = nlohmann::json::object();
  if (second != std::string_view::npos) {
    const std::string_view pair = text.substr(second + 1);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos)
      query[std::string(pair.substr(0, equals))] = std::string(pair.substr(equals + 1));
  }
  const auto call = http_call("POST", path, query, body);
  expect_one_line(call);
  expect_one_line(http_call("GET", path, query, body));
  if (call && !call->method.empty()) expect_one_line(make_request(call->method, call->arguments));
}

}  // namespace
}  // namespace fairlead::api

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fairlead::api::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
