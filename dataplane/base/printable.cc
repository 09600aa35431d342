// SPDX-License-Identifier: BSD-3-Clause
// Escapes of what is not text, and cuts.
#include "dataplane/base/printable.hh"

#include <algorithm>

namespace fairlead::base {
namespace {

constexpr std::size_t kMessageEnd = 250;  // bytes of it that are kept of a message that is cut

void escape(unsigned char byte, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  switch (byte) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
  }
}

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// Characters that are not seen or that turn others around (bidirectional text).
bool hides(std::string_view character) {
  if (character.size() != 3) return false;
  const auto last = static_cast<unsigned char>(character[2]);
  const std::string_view begin = character.substr(0, 2);
  if (begin == "\xe2\x80") return (last >= 0x8b && last <= 0x8f) || (last >= 0xa8 && last <= 0xae);
  return (begin == "\xe2\x81" && last >= 0xa0 && last <= 0xaf) || character == "\xef\xbb\xbf";
}

/// The first `most` bytes or a little less: no character is cut.
std::string_view beginning(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && most - end < 3 && continues(text[end])) --end;
  return text.substr(0, continues(text[end]) ? most : end);
}

}  // namespace

std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  if (overlong || beyond) return 0;
  return std::all_of(text.begin() + 1, text.begin() + bytes, continues) ? bytes : 0;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    const std::size_t bytes = character_bytes(text);
    if (byte < 0x20 || byte == 0x7f || bytes == 0) {
      escape(byte, out);
      text.remove_prefix(1);
      continue;
    }
    if (byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) {
      // U+0080 to U+009F: "\u009b" begins a terminal command as ESC [ does.
      escape(static_cast<unsigned char>(text[1]), out);
    } else if (hides(text.substr(0, bytes))) {
      for (const char c : text.substr(0, bytes)) escape(static_cast<unsigned char>(c), out);
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return out;
}

std::string excerpt(std::string_view text, std::size_t most) {
  const std::string_view shown = beginning(text, most);
  return printable(shown) + (shown.size() < text.size() ? "..." : "");
}

std::string quoted(std::string_view text, std::size_t most) {
  return "'" + excerpt(text, most) + "'";
}

std::string message(std::string_view text) {
  // Cut before it is escaped too: foreign text may have gigabytes.
  if (text.size() > 2 * kMostMessage) {
    return message(
        std::string(beginning(text, kMostMessage)) + " ... " +
        std::string(text.substr(text.size() - kMessageEnd))
    );
  }
  std::string whole = printable(text);
  if (whole.size() <= kMostMessage) return whole;
  std::string_view end(whole);
  end.remove_prefix(whole.size() - kMessageEnd);
  while (continues(end.front())) end.remove_prefix(1);
  return std::string(beginning(whole, kMostMessage - kMessageEnd - 5)) + " ... " + std::string(end);
}

}  // namespace fairlead::base
