// SPDX-License-Identifier: BSD-3-Clause
// Single changes of a YAML text that keep the form it has: in brackets or by indentation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config/text_places.hh"
#include "control/config/yaml.hh"

namespace fairlead::config {

/// A key and its value as text of the file.
struct Written {
  std::string key;
  std::string value;
};

/// Null: there is none.
Entry* find_entry(Value& map, std::string_view key);
const Entry* find_entry(const Value& map, std::string_view key);

/// Collects changes of one text. They must be of different items: all places are of the text as it
/// was. Whether the outcome says what was meant has to be checked (edit.cc does).
class TextEdit {
 public:
  /// Of a new item of a list that goes by indentation: a key a line, or all in brackets.
  enum class Form { kLines, kOneLine };

  explicit TextEdit(const std::string& text) : places_(text) {}

  void set_values(const Value& map, const std::vector<Written>& values);
  /// To the list that `parent` has under `list`, or gets.
  void add_item(
      const Value& parent, const std::string& list, const std::vector<Written>& values, Form form
  );
  void delete_item(const Entry& list, std::size_t index);
  [[nodiscard]] std::string take() { return places_.with(std::move(splices_)); }

 private:
  /// What stands in brackets between a new part, which is to come at `place`, and those before it.
  [[nodiscard]] std::string_view separator(std::size_t place) const;
  /// Whole lines behind the line in which something ends.
  void add_lines(std::size_t end, std::string lines);
  [[nodiscard]] std::size_t end_of_entry(const Entry& entry, bool in_flow) const;

  TextPlaces places_;
  std::vector<Splice> splices_;
};

}  // namespace fairlead::config
