// SPDX-License-Identifier: BSD-3-Clause
// Just enough HTTP/1.1 for the lab: find the end of a head, read a header, read a content length.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>
#include <strings.h>

namespace fairlead::lab {

/// Length of the head with its empty line; nothing while it is incomplete.
inline std::optional<std::size_t> head_length(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

/// Value of the first header `name` in `head`; empty if there is none.
inline std::string_view header(std::string_view head, std::string_view name) {
  std::size_t line = head.find("\r\n");
  while (line != std::string_view::npos && line + 2 < head.size()) {
    const std::size_t begin = line + 2;
    line = head.find("\r\n", begin);
    const std::string_view text = head.substr(begin, line - begin);
    if (text.size() <= name.size() || text[name.size()] != ':') continue;
    if (::strncasecmp(text.data(), name.data(), name.size()) != 0) continue;
    std::string_view value = text.substr(name.size() + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    return value;
  }
  return {};
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace fairlead::lab
