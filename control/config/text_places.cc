// SPDX-License-Identifier: BSD-3-Clause
// A small scanner: quotes, brackets and comments.
#include "control/config/text_places.hh"

#include <algorithm>
#include <utility>

namespace fairlead::config {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

TextPlaces::TextPlaces(const std::string& text) : text_(text), lines_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') lines_.push_back(i + 1);
  }
}

std::size_t TextPlaces::place(int line, int column) const {
  const auto index = std::min(static_cast<std::size_t>(line - 1), lines_.size() - 1);
  return std::min(lines_[index] + static_cast<std::size_t>(column), text_.size());
}

std::size_t TextPlaces::begin_of(const Value& value) const {
  return place(value.line, value.column);
}

std::size_t TextPlaces::end_of(const Value& value, bool in_flow) const {
  const std::size_t begin = begin_of(value);
  const bool container = value.kind == Value::Kind::kList || value.kind == Value::Kind::kMap;
  if (container && value.flow) return end_of_brackets(begin);
  if (value.kind == Value::Kind::kList && !value.items.empty())
    return end_of(value.items.back(), false);
  if (value.kind == Value::Kind::kMap && !value.entries.empty()) {
    const Entry& last = value.entries.back();
    const bool nothing = last.value.kind == Value::Kind::kNull;
    return nothing ? behind_key(last) : end_of(last.value, false);
  }
  if (at(begin) == '"' || at(begin) == '\'') return end_of_quoted(begin);
  return end_of_plain(begin, in_flow);
}

std::size_t TextPlaces::behind_key(const Entry& entry) const {
  const std::size_t begin = place(entry.line, entry.column);
  const bool quoted = at(begin) == '"' || at(begin) == '\'';
  const std::size_t end = quoted ? end_of_quoted(begin) : begin + entry.key.size();
  const std::size_t colon = text_.find(':', end);
  return colon == std::string::npos ? text_.size() : colon + 1;
}

std::size_t TextPlaces::line_begin(std::size_t place) const {
  return *std::prev(std::upper_bound(lines_.begin(), lines_.end(), place));
}

std::size_t TextPlaces::line_end(std::size_t place) const {
  const auto next = std::upper_bound(lines_.begin(), lines_.end(), place);
  return next == lines_.end() ? text_.size() : *next;
}

std::size_t TextPlaces::end_of_quoted(std::size_t begin) const {
  const char quote = at(begin);
  for (std::size_t i = begin + 1; i < text_.size(); ++i) {
    if (quote == '"' && text_[i] == '\\') {
      ++i;
    } else if (text_[i] == quote) {
      if (quote == '"' || at(i + 1) != quote) return i + 1;
      ++i;  // '' is one quote
    }
  }
  return text_.size();
}

std::size_t TextPlaces::end_of_plain(std::size_t begin, bool in_flow) const {
  std::size_t end = begin;
  for (std::size_t i = begin; i < text_.size() && text_[i] != '\n' && text_[i] != '\r'; ++i) {
    if (text_[i] == '#' && i > begin && is_blank(text_[i - 1])) break;
    if (in_flow && (text_[i] == ',' || text_[i] == ']' || text_[i] == '}')) break;
    if (!is_blank(text_[i])) end = i + 1;
  }
  return end;
}

std::size_t TextPlaces::end_of_brackets(std::size_t begin) const {
  std::size_t depth = 0;
  for (std::size_t i = begin; i < text_.size(); ++i) {
    const char c = text_[i];
    const bool word_begins =
        i == 0 || std::string_view(" \t\n,[{:").find(text_[i - 1]) != std::string_view::npos;
    if ((c == '"' || c == '\'') && word_begins) {
      i = end_of_quoted(i) - 1;
    } else if (c == '#' && word_begins) {
      i = line_end(i) - 1;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if ((c == ']' || c == '}') && --depth == 0) {
      return i + 1;
    }
  }
  return text_.size();
}

std::string TextPlaces::with(std::vector<Splice> splices) const {
  std::ranges::stable_sort(splices, {}, &Splice::begin);
  std::string out;
  std::size_t done = 0;
  for (const Splice& splice : splices) {
    out.append(text_, done, splice.begin - done);
    out += splice.text;
    done = splice.end;
  }
  return out.append(text_, done);
}

}  // namespace fairlead::config
