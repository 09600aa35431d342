// SPDX-License-Identifier: BSD-3-Clause
// Escapes of control characters.
#include "dataplane/base/printable.hh"

namespace fairlead::base {
namespace {

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

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte < 0x20 || byte == 0x7f) {
      escape(byte, out);
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      escape(next, out);  // U+0080 to U+009F: "\u009b" begins a terminal command as ESC [ does
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace fairlead::base
