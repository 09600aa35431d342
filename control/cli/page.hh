// SPDX-License-Identifier: BSD-3-Clause
// What a command shows to a person: lines of text and aligned tables, and the filters on them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

namespace fairlead::cli {

/// How a field of a reply is shown. Numbers are right-aligned.
enum class Format {
  kText,
  kWord,    // as text, but booleans are yes and no
  kNumber,  // a plain number, without separators: ports, indices
  kCount,
  kBytes,
  kPercent,  // of a fraction
  kMicroseconds,
  kMilliseconds,  // as an age
  kSeconds,       // as an age
  kPps,
  kDecimal,
};

struct Column {
  std::string_view title;
  std::string_view key;  // of the reply's field; "a.b" looks inside an object
  Format format = Format::kText;
};

struct Table {
  std::vector<std::string> titles;  // empty: no heading
  std::vector<bool> right;          // per column
  std::vector<std::vector<std::string>> rows;
  std::size_t keys = 1;  // columns that say which row it is: repeated where a table is folded
};

using Block = std::variant<std::string, Table>;

struct Page {
  std::vector<Block> blocks;
};

/// The field as text, "-" if it is not there; control characters become '?'.
std::string cell(const nlohmann::json& object, std::string_view key, Format format = Format::kText);

/// A table with a row for each object of the list `rows`; columns that no row has are left out.
Table table_of(const nlohmann::json& rows, std::span<const Column> columns, std::size_t keys = 1);

/// Two columns, name and value; fields that are not there are left out.
Table list_of(const nlohmann::json& object, std::span<const Column> columns);

/// `columns`: width of the terminal; a table with titles that is wider goes on below itself, its
/// key columns repeated. 0: as wide as it is.
std::string render(const Page& page, std::size_t columns = 0);

/// Its tables with a comma between the cells (RFC 4180), lines as they are.
std::string render_csv(const Page& page);

/// Lines and rows in which the POSIX extended expression matches, or with `keep` false does not;
/// headings stay, but of tables that lose all rows while others have some.
Page matching(const Page& page, const std::string& regex, bool keep = true);

/// Rows of its tables; lines if it has no table.
std::size_t row_count(const Page& page);

/// Of `| count`: the rows of the page's table; of several tables a line each, with the title of its
/// first column behind. Lists without titles count only where there is nothing else.
std::string count_text(const Page& page);

}  // namespace fairlead::cli
