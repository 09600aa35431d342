// SPDX-License-Identifier: BSD-3-Clause
// Both texts as flat maps from path to scalar, compared.
#include "control/config/key_changes.hh"

#include <algorithm>
#include <map>

#include "control/config/yaml.hh"

namespace fairlead::config {
namespace {

using Flat = std::map<std::string, std::string>;

// What names an element of a list of maps; its place where nothing does.
std::string label_of(const Value& item, std::size_t place) {
  for (const char* key : {"name", "id", "device", "config"}) {
    for (const Entry& entry : item.entries) {
      if (entry.key == key && entry.value.kind == Value::Kind::kScalar) return entry.value.text;
    }
  }
  return std::to_string(place);
}

void flatten(const Value& value, const std::string& path, Flat& out) {
  switch (value.kind) {
    case Value::Kind::kNull:
      break;
    case Value::Kind::kScalar:
      out[path] = value.text;
      break;
    case Value::Kind::kMap:
      for (const Entry& entry : value.entries)
        flatten(entry.value, path.empty() ? entry.key : path + "." + entry.key, out);
      break;
    case Value::Kind::kList: {
      std::string scalars;
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        const Value& item = value.items[i];
        if (item.kind == Value::Kind::kScalar) {
          scalars += (scalars.empty() ? "" : ", ") + item.text;
        } else {
          flatten(item, path + "[" + label_of(item, i) + "]", out);
        }
      }
      if (!scalars.empty()) out[path] = "[" + scalars + "]";
      break;
    }
  }
}

bool is_secret(const std::string& path) {
  return path == "fleet.hash_key";
}

}  // namespace

base::Result<std::vector<KeyChange>> changed_keys(
    const std::string& before, const std::string& after
) {
  FL_ASSIGN(const Value old_tree, parse_yaml(before, "before"));
  FL_ASSIGN(const Value new_tree, parse_yaml(after, "after"));
  Flat old_keys;
  Flat new_keys;
  flatten(old_tree, "", old_keys);
  flatten(new_tree, "", new_keys);
  Flat all = old_keys;
  all.insert(new_keys.begin(), new_keys.end());
  std::vector<KeyChange> out;
  for (const auto& [path, value] : all) {
    const auto old_key = old_keys.find(path);
    const auto new_key = new_keys.find(path);
    KeyChange change{path, "", ""};
    if (old_key != old_keys.end()) change.before = old_key->second;
    if (new_key != new_keys.end()) change.after = new_key->second;
    if (change.before == change.after) continue;
    for (std::string* shown : {&change.before, &change.after})
      if (is_secret(path) && !shown->empty()) *shown = "(secret)";
    out.push_back(std::move(change));
  }
  return out;
}

}  // namespace fairlead::config
