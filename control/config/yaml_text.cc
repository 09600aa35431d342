// SPDX-License-Identifier: BSD-3-Clause
// Bytes, characters and lines.
#include "control/config/yaml_text.hh"

#include <algorithm>

#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// Bytes of the character that `text` begins with; 0: YAML has no place for it.
std::size_t allowed_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) {
    const bool blank = first == '\t' || first == '\n' || first == '\r';
    return blank || (first >= 0x20 && first != 0x7f) ? 1 : 0;
  }
  const std::size_t bytes = base::character_bytes(text);
  if (bytes == 0) return 0;
  const auto last = static_cast<unsigned char>(text[bytes - 1]);
  const bool control = first == 0xc2 && last < 0xa0 && last != 0x85;
  const bool none = bytes == 3 && text[0] == '\xef' && text[1] == '\xbf' && last >= 0xbe;
  return control || none ? 0 : bytes;
}

}  // namespace

YamlText::YamlText(const std::string& text) : text_(text) {
  for (std::size_t i = 0; i < text_.size();) {
    const std::size_t bytes = allowed_bytes(text_.substr(i, 4));
    if (bytes == 0) foreign_.push_back(i);
    i += bytes == 0 ? 1 : bytes;
  }
  if (foreign_.empty()) return;
  cleaned_ = text;
  for (const std::size_t i : foreign_) cleaned_[i] = 'x';
}

YamlText::Place YamlText::at(std::size_t index) {
  while (index_ < index && byte_ < text_.size()) forward();
  while (index_ > index && byte_ > 0) back();
  return {line_, static_cast<int>(byte_ - line_begin_), byte_};
}

void YamlText::forward() {
  const std::string_view text = bytes();
  if (text[byte_] == '\n') {
    ++line_;
    line_begin_ = byte_ + 1;
  }
  ++byte_;
  while (byte_ < text.size() && continues(text[byte_])) ++byte_;
  ++index_;
}

void YamlText::back() {
  const std::string_view text = bytes();
  --byte_;
  while (byte_ > 0 && continues(text[byte_])) --byte_;
  --index_;
  if (text[byte_] != '\n') return;
  --line_;
  const auto before = byte_ == 0 ? std::string_view::npos : text.rfind('\n', byte_ - 1);
  line_begin_ = before == std::string_view::npos ? 0 : before + 1;
}

std::optional<std::size_t> YamlText::foreign_in(std::size_t begin, std::size_t end) const {
  const auto first = std::lower_bound(foreign_.begin(), foreign_.end(), begin);
  if (first == foreign_.end() || *first >= end) return std::nullopt;
  return *first;
}

std::string YamlText::hex(std::size_t byte) const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(text_[byte]);
  return std::string("0x") + kDigits[value >> 4] + kDigits[value & 15];
}

}  // namespace fairlead::config
