// SPDX-License-Identifier: BSD-3-Clause
// Cutting text at the lines where its top-level keys begin.
#include "control/config/sections.hh"

#include <algorithm>
#include <vector>

#include "control/config/yaml.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

constexpr std::string_view kShared[] = {"flows", "health", "icmp", "policy", "tunnel", "vips"};

bool is_shared(std::string_view key) {
  return std::find(std::begin(kShared), std::end(kShared), key) != std::end(kShared);
}

struct TextSection {
  std::string key;
  int line = 1;
  std::string text;  // up to the next section, with the line break
};

/// What stands above the first key (comments) is left out.
base::Result<std::vector<TextSection>> sections_of(
    const std::string& text, const std::string& name
) {
  FL_ASSIGN(const Value tree, parse_yaml(text, name));
  std::vector<TextSection> out;
  for (const Entry& entry : tree.entries) {
    if (!out.empty() && entry.line <= out.back().line) {
      return base::invalid(
          name + ":" + std::to_string(entry.line) + ": " + entry.key +
          ": a fleet needs every section on lines of its own, begin it on a new line"
      );
    }
    out.push_back({entry.key, entry.line, ""});
  }
  std::size_t next = 0;
  int line = 1;
  for (std::size_t at = 0; at < text.size(); ++line) {
    while (next < out.size() && out[next].line == line) ++next;
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    if (next > 0) out[next - 1].text += text.substr(at, end - at);
    at = end;
  }
  for (TextSection& section : out)
    if (section.text.empty() || section.text.back() != '\n') section.text += '\n';
  return out;
}

}  // namespace

std::span<const std::string_view> shared_sections() {
  return kShared;
}

base::Result<std::string> shared_part(const std::string& text, const std::string& name) {
  FL_ASSIGN(const auto sections, sections_of(text, name));
  std::string out;
  for (const TextSection& section : sections)
    if (is_shared(section.key)) out += section.text;
  return out;
}

base::Result<std::string> with_shared(
    const std::string& own, const std::string& name, const std::string& shared
) {
  FL_ASSIGN(const auto mine, sections_of(own, name));
  FL_ASSIGN(const auto theirs, sections_of(shared, "the fleet's configuration"));
  for (const TextSection& section : theirs) {
    if (is_shared(section.key)) continue;
    return base::invalid(
        "the fleet's configuration:" + std::to_string(section.line) + ": " +
        base::quoted(section.key) + " belongs to each node's file, remove it"
    );
  }
  std::string out;
  for (const TextSection& section : mine)
    if (!is_shared(section.key)) out += section.text;
  return out + shared;
}

}  // namespace fairlead::config
