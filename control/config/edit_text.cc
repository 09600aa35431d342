// SPDX-License-Identifier: BSD-3-Clause
// Texts of new keys and items, and where they go.
#include "control/config/edit_text.hh"

#include <algorithm>
#include <utility>

namespace fairlead::config {
namespace {

std::string indent(int columns) {
  return std::string(static_cast<std::size_t>(columns), ' ');
}

std::string in_brackets(const std::vector<Written>& values) {
  std::string out = "{";
  for (const Written& w : values) out += (out.size() == 1 ? "" : ", ") + w.key + ": " + w.value;
  return out + "}";
}

/// An item of a list at this column, with its line breaks.
std::string item_lines(int column, const std::vector<Written>& values, TextEdit::Form form) {
  if (form == TextEdit::Form::kOneLine) return indent(column) + "- " + in_brackets(values) + "\n";
  std::string out;
  for (const Written& w : values)
    out += indent(column) + (out.empty() ? "- " : "  ") + w.key + ": " + w.value + "\n";
  return out;
}

}  // namespace

const Entry* find_entry(const Value& map, std::string_view key) {
  const auto found = std::ranges::find(map.entries, key, &Entry::key);
  return found == map.entries.end() ? nullptr : &*found;
}

Entry* find_entry(Value& map, std::string_view key) {
  return const_cast<Entry*>(find_entry(std::as_const(map), key));
}

std::string_view TextEdit::separator(std::size_t place) const {
  while (place > 0 &&
         std::string_view(" \t\r\n").find(places_.at(place - 1)) != std::string_view::npos)
    --place;
  const char last = places_.at(place - 1);
  return last == '[' || last == '{' ? "" : last == ',' ? " " : ", ";
}

void TextEdit::add_lines(std::size_t end, std::string lines) {
  const std::size_t place = places_.line_end(end);
  if (place > 0 && places_.at(place - 1) != '\n') {  // the last line has no end
    lines.pop_back();
    lines.insert(0, "\n");
  }
  splices_.push_back({place, place, std::move(lines)});
}

std::size_t TextEdit::end_of_entry(const Entry& entry, bool in_flow) const {
  const bool nothing = entry.value.kind == Value::Kind::kNull && entry.value.text.empty();
  return nothing ? places_.behind_key(entry) : places_.end_of(entry.value, in_flow);
}

void TextEdit::set_values(const Value& map, const std::vector<Written>& values) {
  bool first = true;
  std::string lines;
  for (const Written& w : values) {
    if (const Entry* const entry = find_entry(map, w.key)) {
      splices_.push_back({places_.behind_key(*entry), end_of_entry(*entry, map.flow), " " + w.value}
      );
    } else if (map.flow) {
      const std::size_t place = places_.end_of(map, true) - 1;
      const std::string_view before = first ? separator(place) : ", ";
      splices_.push_back({place, place, std::string(before) + w.key + ": " + w.value});
      first = false;
    } else {
      lines += indent(map.column) + w.key + ": " + w.value + "\n";
    }
  }
  // Behind the first key, which is the name: behind the last one stands what belongs to the next.
  if (!lines.empty()) add_lines(end_of_entry(map.entries.front(), false), std::move(lines));
}

void TextEdit::add_item(
    const Value& parent, const std::string& list, const std::vector<Written>& values, Form form
) {
  const Entry* const entry = find_entry(parent, list);
  if (entry == nullptr) {
    if (parent.flow) {
      const std::size_t place = places_.end_of(parent, true) - 1;
      const std::string text = list + ": [" + in_brackets(values) + "]";
      splices_.push_back({place, place, std::string(separator(place)) + text});
    } else {
      const std::string items = item_lines(parent.column + 2, values, form);
      add_lines(places_.end_of(parent, false), indent(parent.column) + list + ":\n" + items);
    }
    return;
  }
  const Value& items = entry->value;
  if (!items.items.empty() && items.flow) {
    const std::size_t place = places_.end_of(items, true) - 1;
    splices_.push_back({place, place, std::string(separator(place)) + in_brackets(values)});
  } else if (!items.items.empty()) {
    add_lines(places_.end_of(items.items.back(), false), item_lines(items.column, values, form));
  } else {
    std::string text = " [" + in_brackets(values) + "]";
    if (!parent.flow) {
      text = "\n" + item_lines(entry->column + 2, values, form);
      text.pop_back();
    }
    splices_.push_back(
        {places_.behind_key(*entry), end_of_entry(*entry, parent.flow), std::move(text)}
    );
  }
}

void TextEdit::delete_item(const Entry& list, std::size_t index) {
  const std::vector<Value>& items = list.value.items;
  const Value& item = items[index];
  const std::size_t begin = places_.begin_of(item);
  const std::size_t end = places_.end_of(item, list.value.flow);
  if (list.value.flow) {
    if (index + 1 < items.size()) {
      splices_.push_back({begin, places_.begin_of(items[index + 1]), ""});
    } else {
      splices_.push_back({index == 0 ? begin : places_.end_of(items[index - 1], true), end, ""});
    }
    return;
  }
  const auto column = static_cast<std::size_t>(list.value.column);
  std::size_t line = places_.line_begin(begin);
  while (line > 0 && places_.at(line + column) != '-') line = places_.line_begin(line - 1);
  if (items.size() == 1)
    splices_.push_back({places_.behind_key(list), places_.behind_key(list), " []"});
  splices_.push_back({line, places_.line_end(end), ""});
}

}  // namespace fairlead::config
