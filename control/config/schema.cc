// SPDX-License-Identifier: BSD-3-Clause
// From records to a schema.
#include "control/config/schema.hh"

#include <cstdlib>
#include <map>

#include <nlohmann/json.hpp>

#include "control/config/config.hh"
#include "control/config/load.hh"
#include "control/config/sample.hh"
#include "dataplane/base/check.hh"

namespace fairlead::config {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kDurationPattern = "^(0|[0-9]+(ns|us|ms|s|m|h))$";
constexpr const char* kBytesPattern = "^[0-9]+(KiB|MiB|GiB)?$";
constexpr const char* kCountPattern = "^[0-9]+[kMG]?$";
constexpr const char* kNamePattern = "^[A-Za-z0-9_:][A-Za-z0-9._:-]{0,63}$";

// Comments behind the keys of the sample, by line, with the lines that go on below.
std::map<int, std::string> comments() {
  std::map<int, std::string> out;
  int number = 0;
  int last = 0;
  std::string_view rest = kFairleadSample;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    ++number;
    const auto hash = line.find(" # ");
    const auto first = line.find_first_not_of(' ');
    if (hash == line.npos) {
      last = 0;
      continue;
    }
    const std::string text(line.substr(hash + 3));
    const bool goes_on = first != line.npos && line[first] == '#';
    if (goes_on && text.find(" # ") != text.npos) {
      last = 0;  // a key that the sample shows in a comment, with a comment of its own
    } else if (goes_on && last != 0) {
      out[last] += " " + text;
    } else if (!goes_on) {
      out[number] = text;
      last = number;
    }
  }
  return out;
}

// Of a key that the sample shows in a comment, because the sample cannot have it:
//   # punt_tap: flp0      # what it is
std::string shown_in_comment(const std::string& name) {
  const std::string_view all = kFairleadSample;
  const auto at = all.find("# " + name + ": ");
  if (at == all.npos) return "";
  const std::string_view line = all.substr(at, all.find('\n', at) - at);
  const auto hash = line.find(" # ", 2);
  return hash == line.npos ? "" : std::string(line.substr(hash + 3));
}

Json number(double value) {
  if (value == static_cast<double>(static_cast<std::int64_t>(value)))
    return static_cast<std::int64_t>(value);
  return value;
}

Json typed_default(const KeyRecord& key) {
  char* end = nullptr;
  const double value = std::strtod(key.fallback.c_str(), &end);
  const bool numeric = key.kind == KeyKind::kWhole || key.kind == KeyKind::kReal;
  return numeric && end != nullptr && *end == '\0' ? number(value) : Json(key.fallback);
}

Json scalar(const KeyRecord& key) {
  switch (key.kind) {
    case KeyKind::kWhole:
      // JSON numbers are exact to 2^53 only.
      if (key.most > 9e15) return {{"type", "integer"}, {"minimum", number(key.least)}};
      return {{"type", "integer"}, {"minimum", number(key.least)}, {"maximum", number(key.most)}};
    case KeyKind::kReal:
      return {
          {"type", "number"},
          {"exclusiveMinimum", number(key.least)},
          {"maximum", number(key.most)}};
    case KeyKind::kDuration:
      return {{"type", {"string", "integer"}}, {"pattern", kDurationPattern}, {"maximum", 0}};
    case KeyKind::kBytes:
    case KeyKind::kCount:
      return {
          {"type", {"string", "integer"}},
          {"pattern", key.kind == KeyKind::kBytes ? kBytesPattern : kCountPattern},
          {"minimum", number(key.least)},
          {"maximum", number(key.most)}};
    case KeyKind::kWord:
      return {{"enum", key.words}};
    case KeyKind::kName:
      return {{"type", {"string", "integer"}}, {"pattern", kNamePattern}};
    default: {
      Json text = {{"type", {"string", "integer"}}};
      if (!key.pattern.empty()) text["pattern"] = key.pattern;
      return text;
    }
  }
}

class Schema {
 public:
  std::string text() {
    root_ = object();
    Json head = {
        {"$schema", "https://json-schema.org/draft/2020-12/schema"},
        {"title", "Fairlead configuration"},
        {"description", "Made by `fairlead config schema`. Meanings: docs/configuration.md."}};
    for (const KeyRecord& key : key_table()) add(key);
    for (auto& [name, value] : root_.items()) head[name] = value;
    return head.dump(2) + "\n";
  }

 private:
  static Json object() {
    return {{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
  }

  // The object that a key lies in: its folders are made as they come.
  Json& parent_of(const std::string& path, std::string& name) {
    Json* at = &root_;
    std::size_t from = 0;
    for (auto dot = path.find('.'); dot != path.npos; dot = path.find('.', from)) {
      std::string part = path.substr(from, dot - from);
      from = dot + 1;
      const bool list = part.ends_with("[]");
      if (list) part.resize(part.size() - 2);
      Json& child = (*at)["properties"][part];
      at = list ? &child["items"] : &child;
    }
    name = path.substr(from);
    return *at;
  }

  void add(const KeyRecord& key) {
    std::string name;
    Json& parent = parent_of(key.path, name);
    Json& place = parent["properties"][name];
    Json made = key.kind == KeyKind::kMap ? object() : scalar(key);
    if (key.kind == KeyKind::kList) {
      made = {{"type", "array"}};
      made["items"] = has_children(key.path) ? object() : Json{{"type", {"number", "string"}}};
    }
    std::string says = beside(key);
    if (says.empty() && key.line == 0) says = shown_in_comment(name);
    if (says.empty()) says = key.range;
    if (!says.empty()) made["description"] = says;
    if (!key.fallback.empty()) made["default"] = typed_default(key);
    place = std::move(made);
    if (key.required) parent["required"].push_back(name);
  }

  // What the sample says of a key; of one that overrides a common key and is not shown, what it
  // says of the common one.
  std::string beside(const KeyRecord& key) const {
    const auto comment = comments_.find(key.line);
    if (comment != comments_.end()) return comment->second;
    constexpr std::pair<std::string_view, std::string_view> kCommon[] = {
        {"vips[].health.", "health."},
        {"vips[].backends[].source.", "monitoring.source."},
    };
    for (const auto& [own, common] : kCommon) {
      if (!key.path.starts_with(own)) continue;
      const std::string path = std::string(common) + key.path.substr(own.size());
      for (const KeyRecord& other : key_table())
        if (other.path == path) return beside(other);
    }
    return "";
  }

  static bool has_children(const std::string& path) {
    for (const KeyRecord& key : key_table())
      if (key.path.starts_with(path + "[].")) return true;
    return false;
  }

  Json root_;
  const std::map<int, std::string> comments_ = comments();
};

}  // namespace

const KeyRecords& key_table() {
  static const KeyRecords table = [] {
    KeyRecords records;
    const auto read = parse_and_record(kFairleadSample, "config/fairlead.yaml", records);
    FL_CHECK(read.has_value());  // a test loads the sample too
    return records;
  }();
  return table;
}

std::string json_schema() {
  return Schema().text();
}

}  // namespace fairlead::config
