// SPDX-License-Identifier: BSD-3-Clause
// Every change is made twice: on the tree, which says what must come out, and on the text.
#include "control/config/edit.hh"

#include <algorithm>
#include <cctype>
#include <optional>
#include <span>

#include "control/config/edit_text.hh"
#include "control/config/yaml.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

using base::quoted;
using Act = Edit::Act;

constexpr const char* kText = "configuration";

/// A vip's place in the list, and a backend's in its pool.
struct Target {
  std::size_t vip;
  std::optional<std::size_t> backend;
};

std::span<Value> items_of(Entry* list) {
  return list == nullptr ? std::span<Value>() : std::span(list->value.items);
}

std::optional<std::size_t> index_of(Entry* list, std::string_view key, std::string_view name) {
  const auto items = items_of(list);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Entry* const entry = find_entry(items[i], key);
    if (entry != nullptr && entry->value.text == name) return i;
  }
  return std::nullopt;
}

Entry* pool_of(Value& vip) {
  return find_entry(vip, "backends");
}

bool same(const Value& a, const Value& b) {
  if (a.kind != b.kind || a.text != b.text || a.quoted != b.quoted) return false;
  if (a.entries.size() != b.entries.size()) return false;
  for (const Entry& entry : a.entries) {
    const Entry* const other = find_entry(b, entry.key);
    if (other == nullptr || !same(entry.value, other->value)) return false;
  }
  return std::ranges::equal(a.items, b.items, same);
}

/// How a value is written; a word that could be taken for something else is in quotes.
base::Result<std::string> written(const std::string& key, const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '/' ||
           c == '-';
  };
  const bool brackets = !text.empty() && (text[0] == '{' || text[0] == '[');
  std::string out = text;
  if (!brackets && (text.empty() || text[0] == '-' || !std::ranges::all_of(text, plain))) {
    out = "\"";
    for (const char c : text) out += (c == '"' || c == '\\' ? std::string("\\") : "") + c;
    out += '"';
  }
  const auto tree = parse_yaml("v: " + out, kText);
  const bool good = tree && tree->entries.size() == 1 && text.find('\n') == std::string::npos;
  if (good) return out;
  return base::invalid(key + ": " + quoted(text) + " is no value, write it as in the file");
}

base::Result<std::vector<Written>> all_written(const Edit& edit) {
  std::vector<Written> out;
  for (const auto& [key, text] : edit.values) {
    FL_ASSIGN(std::string value, written(key, text));
    const auto word = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    const bool twice = std::ranges::find(out, key, &Written::key) != out.end();
    if (key.empty() || !std::ranges::all_of(key, word) || twice)
      return base::invalid("key " + quoted(key) + (twice ? " is given twice" : " is no key"));
    out.push_back({key, std::move(value)});
  }
  if (edit.act == Act::kSet && out.empty()) return base::invalid("nothing to set, name a key");
  return out;
}

/// What the key, or each of them, says in the tree.
void set_values(Value& map, const std::vector<Written>& values) {
  for (const Written& w : values) {
    Value value = std::move(parse_yaml("v: " + w.value, kText)->entries[0].value);
    if (Entry* const entry = find_entry(map, w.key)) {
      entry->value = std::move(value);
    } else {
      map.entries.push_back({w.key, 1, 0, std::move(value)});
    }
  }
}

void add_item(Value& parent, const std::string& list, const std::vector<Written>& values) {
  Entry* entry = find_entry(parent, list);
  if (entry == nullptr) entry = &parent.entries.emplace_back(Entry{list, 1, 0, {}});
  Value item;
  item.kind = Value::Kind::kMap;
  set_values(item, values);
  entry->value.kind = Value::Kind::kList;
  entry->value.text.clear();
  entry->value.items.push_back(std::move(item));
}

base::Error not_in_place() {
  return {
      base::ErrorCode::kFailedPrecondition,
      "the file writes this in a form that cannot be edited in place, change it there and load it: "
      "config load FILE"};
}

base::Error no_vip(const std::string& name) {
  return {base::ErrorCode::kNotFound, "no vip " + quoted(name)};
}

base::Result<std::vector<Target>> targets_of(Value& root, const Edit& edit) {
  Entry* const vips = find_entry(root, "vips");
  std::vector<Target> out;
  if (!edit.vip.empty()) {
    const auto vip = index_of(vips, "name", edit.vip);
    const bool adds_vip = edit.act == Act::kAdd && edit.backend.empty();
    if (adds_vip && vip)
      return base::invalid("vip " + quoted(edit.vip) + " is there already, set vip changes it");
    if (adds_vip) return out;
    if (!vip) return tl::unexpected(no_vip(edit.vip));
    out.push_back({*vip, std::nullopt});
  } else {
    for (std::size_t v = 0; v < items_of(vips).size(); ++v) out.push_back({v, std::nullopt});
  }
  if (edit.backend.empty()) return out;
  for (Target& t : out) t.backend = index_of(pool_of(vips->value.items[t.vip]), "id", edit.backend);
  if (edit.act == Act::kAdd) {
    if (!out.front().backend) return out;
    return base::invalid("vip " + quoted(edit.vip) + " has a backend " + quoted(edit.backend));
  }
  std::erase_if(out, [](const Target& t) { return !t.backend; });
  if (!out.empty()) return out;
  const std::string where = edit.vip.empty() ? "" : " in vip " + quoted(edit.vip);
  return base::fail(base::ErrorCode::kNotFound, "no backend " + quoted(edit.backend) + where);
}

/// On the tree. Pools have their places no more, once something is deleted: one item a pool.
void change_tree(
    Value& root,
    const Edit& edit,
    const std::vector<Target>& targets,
    const std::vector<Written>& values
) {
  if (targets.empty()) return add_item(root, "vips", values);
  std::vector<Value>& vips = find_entry(root, "vips")->value.items;
  for (const Target& t : targets) {
    Value& vip = vips[t.vip];
    if (edit.act == Act::kAdd) {
      add_item(vip, "backends", values);
    } else if (edit.act == Act::kSet) {
      set_values(t.backend ? pool_of(vip)->value.items[*t.backend] : vip, values);
    } else if (t.backend) {
      std::vector<Value>& pool = pool_of(vip)->value.items;
      pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(*t.backend));
    } else {
      vips.erase(vips.begin() + static_cast<std::ptrdiff_t>(t.vip));
    }
  }
}

std::string change_text(
    const std::string& text,
    Value& root,
    const Edit& edit,
    const std::vector<Target>& targets,
    const std::vector<Written>& values
) {
  TextEdit out(text);
  if (targets.empty()) out.add_item(root, "vips", values, TextEdit::Form::kLines);
  Entry* const vips = find_entry(root, "vips");
  for (const Target& t : targets) {
    Value& vip = vips->value.items[t.vip];
    if (edit.act == Act::kAdd) {
      out.add_item(vip, "backends", values, TextEdit::Form::kOneLine);
    } else if (edit.act == Act::kSet) {
      out.set_values(t.backend ? pool_of(vip)->value.items[*t.backend] : vip, values);
    } else if (t.backend) {
      out.delete_item(*pool_of(vip), *t.backend);
    } else {
      out.delete_item(*vips, t.vip);
    }
  }
  return out.take();
}

}  // namespace

namespace {

/// The deepest map of a path that is there, and what is to be written in it.
struct Place {
  Value* map;
  std::vector<Written> values;
};

base::Result<Place> place_of(
    Value& root, const std::vector<std::string>& path, std::vector<Written> values
) {
  Place out{&root, std::move(values)};
  std::size_t depth = 0;
  for (; depth < path.size(); ++depth) {
    Entry* const entry = find_entry(*out.map, path[depth]);
    if (entry == nullptr) break;
    if (entry->value.kind != Value::Kind::kMap)
      return base::invalid("'" + path[depth] + "' is no section in the file, write it as one");
    out.map = &entry->value;
  }
  for (std::size_t i = path.size(); i > depth; --i) {
    std::string inner;
    for (const Written& w : out.values)
      inner += (inner.empty() ? "" : ", ") + w.key + ": " + w.value;
    out.values = {{path[i - 1], "{" + inner + "}"}};
  }
  return out;
}

base::Result<std::string> edit_section(const std::string& text, const Edit& edit) {
  if (edit.act != Act::kSet || !edit.vip.empty() || !edit.backend.empty())
    return base::invalid("a section can only be set, without vip and backend");
  FL_ASSIGN(Value root, parse_yaml(text, kText));
  FL_ASSIGN(const std::vector<Written> values, all_written(edit));
  FL_ASSIGN(const Place place, place_of(root, edit.section, values));
  TextEdit changed(text);
  changed.set_values(*place.map, place.values);
  std::string out = changed.take();
  set_values(*place.map, place.values);
  const auto come_out = parse_yaml(out, kText);
  if (come_out && same(*come_out, root)) return out;
  return tl::unexpected(not_in_place());
}

}  // namespace

base::Result<std::string> edit_config(const std::string& text, const Edit& edit) {
  if (!edit.section.empty()) return edit_section(text, edit);
  if (edit.vip.empty() && (edit.backend.empty() || edit.act == Act::kAdd))
    return base::invalid("which vip? name one");
  FL_ASSIGN(Value root, parse_yaml(text, kText));
  FL_ASSIGN(const std::vector<Target> targets, targets_of(root, edit));
  FL_ASSIGN(std::vector<Written> values, all_written(edit));
  if (edit.act == Act::kAdd) {
    const bool vip = edit.backend.empty();
    const std::string key = vip ? "name" : "id";
    FL_ASSIGN(std::string name, written(key, vip ? edit.vip : edit.backend));
    if (std::ranges::find(values, key, &Written::key) != values.end())
      return base::invalid("key '" + key + "' is given twice");
    values.insert(values.begin(), {key, std::move(name)});
  }
  std::string out = change_text(text, root, edit, targets, values);
  Value wanted = root;
  change_tree(wanted, edit, targets, values);
  const auto come_out = parse_yaml(out, kText);
  if (come_out && same(*come_out, wanted)) return out;
  return tl::unexpected(not_in_place());
}

}  // namespace fairlead::config
