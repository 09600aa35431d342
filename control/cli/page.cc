// SPDX-License-Identifier: BSD-3-Clause
// Alignment and filters of pages.
#include "control/cli/page.hh"

#include <algorithm>
#include <cstdint>
#include <regex.h>

#include "control/cli/units.hh"

namespace fairlead::cli {
namespace {

using Json = nlohmann::json;

const Json* field(const Json& object, std::string_view key) {
  const std::size_t dot = key.find('.');
  if (!object.is_object()) return nullptr;
  const auto found = object.find(std::string(key.substr(0, dot)));
  if (found == object.end() || found->is_null()) return nullptr;
  return dot == std::string_view::npos ? &*found : field(*found, key.substr(dot + 1));
}

std::string harmless(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

std::string whole(const Json& value) {
  const double d = value.get<double>();
  constexpr double kLargest = 9e18;
  return format_count(
      value.is_number_float() ? (d < kLargest && d > -kLargest ? static_cast<std::int64_t>(d) : 0)
                              : value.get<std::int64_t>()
  );
}

std::string formatted(const Json& value, Format format) {
  const double number = value.get<double>();
  switch (format) {
    case Format::kCount:
      return whole(value);
    case Format::kBytes:
      return format_bytes(number);
    case Format::kPercent:
      return format_percent(number);
    case Format::kMicroseconds:
      return format_microseconds(number);
    case Format::kMilliseconds:
      return format_age(number / 1000);
    case Format::kSeconds:
      return format_age(number);
    case Format::kPps:
      return format_rate(number, "pps");
    case Format::kDecimal:
      return format_decimal(number);
    case Format::kText:
    case Format::kWord:
    case Format::kNumber:
      break;
  }
  return value.dump();
}

bool is_number(Format format) {
  return format != Format::kText && format != Format::kWord;
}

std::size_t width(const std::string& text) {  // columns on a terminal: UTF-8 tails take none
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

void add_row(
    std::string& out,
    const std::vector<std::string>& cells,
    const std::vector<std::size_t>& widths,
    const std::vector<bool>& right
) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string pad(widths[i] - width(cells[i]), ' ');
    line += i == 0 ? "" : "  ";
    line += right[i] ? pad + cells[i] : cells[i] + pad;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
}

std::vector<std::size_t> widths_of(const Table& table) {
  std::vector<std::size_t> widths(table.right.size(), 0);
  const auto widen = [&widths](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width(cells[i]));
  };
  widen(table.titles);
  for (const auto& row : table.rows) widen(row);
  return widths;
}

std::string render_table(const Table& table) {
  const std::vector<std::size_t> widths = widths_of(table);
  std::string out;
  if (!table.titles.empty()) add_row(out, table.titles, widths, table.right);
  for (const auto& row : table.rows) add_row(out, row, widths, table.right);
  return out;
}

/// The columns `from` to `to` behind the key columns.
Table part_of(const Table& table, std::size_t from, std::size_t to) {
  const auto cut = [&](const auto& cells) {
    auto kept = cells;
    const auto at = [&kept](std::size_t i) {
      return kept.begin() + static_cast<std::ptrdiff_t>(std::min(i, kept.size()));
    };
    kept.erase(at(to), kept.end());
    kept.erase(at(table.keys), at(from));
    return kept;
  };
  Table part;
  part.titles = cut(table.titles);
  part.right = cut(table.right);
  for (const auto& row : table.rows) part.rows.push_back(cut(row));
  return part;
}

std::string render_folded(const Table& table, std::size_t columns) {
  constexpr std::size_t kGap = 2;
  const std::vector<std::size_t> widths = widths_of(table);
  const std::size_t count = widths.size();
  if (columns == 0 || table.titles.empty() || count <= table.keys) return render_table(table);
  std::size_t keys = 0;
  for (std::size_t i = 0; i < table.keys; ++i) keys += widths[i] + kGap;
  std::string out;
  for (std::size_t from = table.keys; from < count;) {
    std::size_t to = from;
    for (std::size_t used = keys; to < count; ++to) {  // at least one column, however wide
      if (to > from && used + widths[to] > columns) break;
      used += widths[to] + kGap;
    }
    out += (out.empty() ? "" : "\n") + render_table(part_of(table, from, to));
    from = to;
  }
  return out;
}

/// A compiled expression; one that does not compile matches nothing (the parser refused it before).
class Regex {
 public:
  explicit Regex(const std::string& text)
      : good_(regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB) == 0) {}
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  ~Regex() {
    if (good_) regfree(&compiled_);
  }
  [[nodiscard]] bool matches(const std::string& text) const {
    return good_ && regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_{};
  bool good_;
};

}  // namespace

std::string cell(const Json& object, std::string_view key, Format format) {
  const Json* value = field(object, key);
  if (value == nullptr) return "-";
  if (value->is_string()) return harmless(value->get<std::string>());
  if (value->is_boolean()) return value->get<bool>() ? "yes" : "no";
  if (!value->is_number()) return harmless(value->dump());
  return formatted(*value, format);
}

Table table_of(const Json& rows, std::span<const Column> columns, std::size_t keys) {
  Table table;
  table.keys = keys;
  std::vector<const Column*> shown;
  for (const Column& column : columns) {
    const bool there = std::any_of(rows.begin(), rows.end(), [&](const Json& row) {
      return field(row, column.key) != nullptr;
    });
    if (there || rows.empty()) shown.push_back(&column);
  }
  for (const Column* column : shown) {
    table.titles.emplace_back(column->title);
    table.right.push_back(is_number(column->format));
  }
  for (const Json& row : rows) {
    std::vector<std::string> cells;
    for (const Column* column : shown) cells.push_back(cell(row, column->key, column->format));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Table list_of(const Json& object, std::span<const Column> columns) {
  Table table;
  table.right = {false, false};
  for (const Column& column : columns) {
    if (field(object, column.key) == nullptr) continue;
    table.rows.push_back({std::string(column.title), cell(object, column.key, column.format)});
  }
  return table;
}

std::string render(const Page& page, std::size_t columns) {
  std::string out;
  bool after_titled = false;
  for (const Block& block : page.blocks) {
    const auto* table = std::get_if<Table>(&block);
    if (table && table->rows.empty() && table->titles.empty()) continue;
    const bool titled = table && !table->titles.empty();
    if (!out.empty() && (titled || (table && after_titled))) out += "\n";
    after_titled = titled;
    out += table ? render_folded(*table, columns) : std::get<std::string>(block) + "\n";
  }
  return out;
}

std::string render_csv(const Page& page) {
  std::string out;
  const auto add = [&out](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      std::string text = cells[i];
      const bool quote = text.find_first_of(",\"") != std::string::npos;
      for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
        text.insert(at, 1, '"');
      out += (i == 0 ? "" : ",") + (quote ? "\"" + text + "\"" : text);
    }
    out += "\n";
  };
  for (const Block& block : page.blocks) {
    const auto* table = std::get_if<Table>(&block);
    if (!table) out += std::get<std::string>(block) + "\n";
    if (table && !table->titles.empty()) add(table->titles);
    for (const auto& row : table ? table->rows : decltype(table->rows){}) add(row);
  }
  return out;
}

Page matching(const Page& page, const std::string& regex, bool keep) {
  const Regex compiled(regex);
  Page kept;
  for (const Block& block : page.blocks) {
    if (const auto* line = std::get_if<std::string>(&block)) {
      if (compiled.matches(*line) == keep) kept.blocks.push_back(block);
      continue;
    }
    Table table = std::get<Table>(block);
    std::erase_if(table.rows, [&](const std::vector<std::string>& row) {
      std::string line;
      for (const std::string& text : row) line += (line.empty() ? "" : "  ") + text;
      return compiled.matches(line) != keep;
    });
    kept.blocks.emplace_back(std::move(table));
  }
  // A heading says of which table rows are; where other tables have some it says nothing.
  if (row_count(kept) != 0)
    std::erase_if(kept.blocks, [](const Block& block) {
      const auto* table = std::get_if<Table>(&block);
      return table && table->rows.empty();
    });
  return kept;
}

std::size_t row_count(const Page& page) {
  std::size_t rows = 0;
  std::size_t lines = 0;
  bool has_table = false;
  for (const Block& block : page.blocks) {
    const auto* table = std::get_if<Table>(&block);
    has_table = has_table || table;
    table ? rows += table->rows.size() : ++lines;
  }
  return has_table ? rows : lines;
}

std::string count_text(const Page& page) {
  std::vector<const Table*> titled;
  for (const Block& block : page.blocks) {
    const auto* table = std::get_if<Table>(&block);
    if (table && !table->titles.empty()) titled.push_back(table);
  }
  if (titled.empty()) return std::to_string(row_count(page)) + "\n";
  if (titled.size() == 1) return std::to_string(titled[0]->rows.size()) + "\n";
  std::string out;
  for (const Table* table : titled)
    out += std::to_string(table->rows.size()) + " " + table->titles[0] + "\n";
  return out;
}

}  // namespace fairlead::cli
