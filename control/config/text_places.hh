// SPDX-License-Identifier: BSD-3-Clause
// Where values of a YAML tree begin and end in their text, and how texts are put there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/yaml.hh"

namespace fairlead::config {

/// Replaces [begin, end) of the text; nothing is taken away where they are equal.
struct Splice {
  std::size_t begin;
  std::size_t end;
  std::string text;
};

/// Places in one text whose tree is known. For plain and quoted words, lists and maps: of block
/// scalars (| and >) and words of several lines it knows the first line only.
class TextPlaces {
 public:
  explicit TextPlaces(const std::string& text);

  [[nodiscard]] std::size_t begin_of(const Value& value) const;
  /// Behind its last character. `in_flow`: it stands in brackets.
  [[nodiscard]] std::size_t end_of(const Value& value, bool in_flow) const;
  /// Behind the colon of a key.
  [[nodiscard]] std::size_t behind_key(const Entry& entry) const;
  /// Of the line that a place is in: its first character, and behind its line break.
  [[nodiscard]] std::size_t line_begin(std::size_t place) const;
  [[nodiscard]] std::size_t line_end(std::size_t place) const;
  [[nodiscard]] char at(std::size_t place) const { return place < text_.size() ? text_[place] : 0; }
  [[nodiscard]] std::string_view between(std::size_t begin, std::size_t end) const {
    return std::string_view(text_).substr(begin, end - begin);
  }

  /// The text with all of them done. Requires: they do not overlap. Those at one place come in the
  /// order in which they are given.
  [[nodiscard]] std::string with(std::vector<Splice> splices) const;

 private:
  [[nodiscard]] std::size_t place(int line, int column) const;
  [[nodiscard]] std::size_t end_of_quoted(std::size_t begin) const;
  [[nodiscard]] std::size_t end_of_plain(std::size_t begin, bool in_flow) const;
  [[nodiscard]] std::size_t end_of_brackets(std::size_t begin) const;

  const std::string& text_;
  std::vector<std::size_t> lines_;  // where each begins
};

}  // namespace fairlead::config
