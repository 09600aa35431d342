// SPDX-License-Identifier: BSD-3-Clause
// A text between us and libyaml: what it is given to read, and where in the text its marks are.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::config {

class YamlText {
 public:
  /// Requires: the text outlives it.
  explicit YamlText(const std::string& text);

  /// The text itself, but that a byte which YAML has no place for (no UTF-8, or a control
  /// character) is an 'x'. People have such bytes in comments; foreign_in() tells of others.
  [[nodiscard]] std::string_view bytes() const { return foreign_.empty() ? text_ : cleaned_; }

  struct Place {
    int line = 1;
    int column = 0;  // bytes before it in the line
    std::size_t byte = 0;
  };
  /// Of a character, as libyaml counts them. Lines are counted here: its own also end where editors
  /// see no line break (U+2028). Marks rise, but for a few: all of a text cost one pass over it.
  Place at(std::size_t index);

  /// The first such byte in [begin, end) of the bytes.
  [[nodiscard]] std::optional<std::size_t> foreign_in(std::size_t begin, std::size_t end) const;
  [[nodiscard]] bool has_foreign() const { return !foreign_.empty(); }
  /// As it is written: "0xe9".
  [[nodiscard]] std::string hex(std::size_t byte) const;

 private:
  void forward();
  void back();

  std::string_view text_;
  std::string cleaned_;               // only where there is something foreign
  std::vector<std::size_t> foreign_;  // rising
  std::size_t index_ = 0;             // of the character that at() was asked for last
  std::size_t byte_ = 0;
  std::size_t line_begin_ = 0;
  int line_ = 1;
};

}  // namespace fairlead::config
