// SPDX-License-Identifier: BSD-3-Clause
// First line, the two headers that say where a body ends, chunks.
#include "control/health/http_reply.hh"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace fairlead::health {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return lower(x) == lower(y);
  });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// The value of a header; "" where it is absent.
std::string_view header_value(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const auto end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == head.npos ? head.size() : end + 1);
    const auto colon = line.find(':');
    if (colon != line.npos && same_word(line.substr(0, colon), name))
      return trimmed(line.substr(colon + 1));
  }
  return {};
}

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

HttpBody without_chunks(std::string_view rest) {
  HttpBody body;
  while (true) {
    const auto end = rest.find('\n');
    if (end == rest.npos) return body;
    const std::string_view line = rest.substr(0, end);
    const auto size = number(trimmed(line.substr(0, line.find(';'))), 16);
    if (!size) return {std::move(body.text), false, false};
    rest.remove_prefix(end + 1);
    if (*size == 0) {
      body.whole = true;
      return body;
    }
    body.text += rest.substr(0, *size);
    if (rest.size() < *size) return body;
    rest.remove_prefix(*size);
    const auto mark = rest.find('\n');  // CRLF behind the chunk
    if (mark == rest.npos) return body;
    if (mark > 1) return {std::move(body.text), false, false};
    rest.remove_prefix(mark + 1);
  }
}

}  // namespace

std::optional<int> http_status(std::string_view reply) {
  constexpr std::string_view kPrefix = "HTTP/1.";
  const auto common = std::min(reply.size(), kPrefix.size());
  if (reply.substr(0, common) != kPrefix.substr(0, common)) return 0;
  if (reply.size() < 13)
    return reply.find('\n') == std::string_view::npos ? std::nullopt : std::optional<int>(0);
  // "HTTP/1.1 200 OK": digits at 9 to 11, then a blank or the line's end.
  const auto digit = [&reply](std::size_t i) { return reply[i] >= '0' && reply[i] <= '9'; };
  if (reply[8] != ' ' || !digit(9) || !digit(10) || !digit(11)) return 0;
  if (reply[12] != ' ' && reply[12] != '\r' && reply[12] != '\n') return 0;
  return (reply[9] - '0') * 100 + (reply[10] - '0') * 10 + (reply[11] - '0');
}

std::optional<HttpBody> http_body(std::string_view reply) {
  const auto end = reply.find("\r\n\r\n");
  if (end == reply.npos) return std::nullopt;
  const std::string_view head = reply.substr(0, end);
  const std::string_view rest = reply.substr(end + 4);
  if (same_word(header_value(head, "transfer-encoding"), "chunked")) return without_chunks(rest);
  const std::string_view length = header_value(head, "content-length");
  if (length.empty()) return HttpBody{std::string(rest), false, true};
  const auto bytes = number(length, 10);
  if (!bytes) return HttpBody{{}, false, false};
  return HttpBody{std::string(rest.substr(0, *bytes)), rest.size() >= *bytes, true};
}

}  // namespace fairlead::health
