// SPDX-License-Identifier: BSD-3-Clause
// libyaml's events into our tree.
#include "control/config/yaml.hh"

#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <yaml.h>

#include "control/config/yaml_text.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

constexpr std::size_t kMaxDepth = 32;

struct Refused {
  int line = 1;
  std::string what;
};

bool is_null(std::string_view plain) {
  return plain.empty() || plain == "~" || plain == "null" || plain == "Null" || plain == "NULL";
}

/// Builds the tree on a stack of containers that are not closed yet.
class TreeBuilder {
 public:
  explicit TreeBuilder(YamlText& text) : text_(text) {}

  /// An event within a document. False: refused().
  bool take(const yaml_event_t& event) {
    const YamlText::Place at = text_.at(event.start_mark.index);
    if (text_.has_foreign() && event.type == YAML_SCALAR_EVENT && !is_text(event, at)) return false;
    switch (event.type) {
      case YAML_ALIAS_EVENT:
        return no_anchor(at.line);
      case YAML_SCALAR_EVENT:
        return take_scalar(event.data.scalar, at);
      case YAML_SEQUENCE_START_EVENT: {
        const auto& list = event.data.sequence_start;
        if (list.anchor != nullptr) return no_anchor(at.line);
        return push(Value::Kind::kList, at, list.style == YAML_FLOW_SEQUENCE_STYLE);
      }
      case YAML_MAPPING_START_EVENT: {
        const auto& map = event.data.mapping_start;
        if (map.anchor != nullptr) return no_anchor(at.line);
        return push(Value::Kind::kMap, at, map.style == YAML_FLOW_MAPPING_STYLE);
      }
      default:  // an end
        return pop();
    }
  }

  [[nodiscard]] Value take_root() { return std::move(root_); }
  [[nodiscard]] const Refused& refused() const { return refused_; }

 private:
  struct Open {
    Value value;
    Entry entry;  // of a map: the key that waits for its value
    bool has_key = false;
    [[nodiscard]] bool wants_key() const { return value.kind == Value::Kind::kMap && !has_key; }
  };
  using Scalar = decltype(yaml_event_t{}.data.scalar);

  bool refuse(int line, std::string what) {
    refused_ = {line, std::move(what)};
    return false;
  }
  /// Cost: a look ahead in the text, so only where there is something to find.
  bool is_text(const yaml_event_t& scalar, const YamlText::Place& begin) {
    const auto byte = text_.foreign_in(begin.byte, text_.at(scalar.end_mark.index).byte);
    if (!byte) return true;
    const std::string hex = text_.hex(*byte);
    return refuse(begin.line, "byte " + hex + " is no text in UTF-8, only comments may have such");
  }
  bool no_anchor(int line) {
    return refuse(line, "anchors and aliases are not supported, write the value out");
  }
  static Value make(Value::Kind kind, const YamlText::Place& at) {
    Value value;
    value.kind = kind;
    value.line = at.line;
    value.column = at.column;
    return value;
  }

  bool take_scalar(const Scalar& scalar, const YamlText::Place& at) {
    if (scalar.anchor != nullptr) return no_anchor(at.line);
    const std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool quoted = scalar.tag == nullptr
                            ? scalar.style != YAML_PLAIN_SCALAR_STYLE
                            : std::strcmp(reinterpret_cast<const char*>(scalar.tag), "!") == 0;
    const bool null = scalar.tag == nullptr && !quoted && is_null(text);
    if (!stack_.empty() && stack_.back().wants_key()) return take_key(null, text, at);
    Value value = make(null ? Value::Kind::kNull : Value::Kind::kScalar, at);
    value.quoted = quoted;
    value.text = text;
    return add(std::move(value));
  }
  bool take_key(bool null, std::string_view text, const YamlText::Place& at) {
    if (null) return no_key(at.line);
    Open& open = stack_.back();
    for (const Entry& e : open.value.entries) {
      if (e.key != text) continue;
      return refuse(
          at.line,
          base::quoted(text) + " is given twice (first in line " + std::to_string(e.line) +
              "), remove one of them"
      );
    }
    open.entry.key = text;
    open.entry.line = at.line;
    open.entry.column = at.column;
    open.has_key = true;
    return true;
  }
  bool no_key(int line) { return refuse(line, "a key must be a plain word, as in 'port: 80'"); }

  bool push(Value::Kind kind, const YamlText::Place& at, bool flow) {
    if (!stack_.empty() && stack_.back().wants_key()) return no_key(at.line);
    if (stack_.size() >= kMaxDepth) return refuse(at.line, "nested deeper than 32 levels");
    stack_.push_back(Open{make(kind, at), {}, false});
    stack_.back().value.flow = flow;
    return true;
  }
  bool pop() {
    Value done = std::move(stack_.back().value);
    stack_.pop_back();
    return add(std::move(done));
  }
  bool add(Value value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Open& open = stack_.back();
    if (open.value.kind == Value::Kind::kList) {
      open.value.items.push_back(std::move(value));
      return true;
    }
    open.entry.value = std::move(value);
    // The parser sees a missing value at the next token, perhaps lines below.
    if (open.entry.value.kind == Value::Kind::kNull) open.entry.value.line = open.entry.line;
    constexpr std::size_t kFew = 4;  // keys that a backend has
    if (open.value.entries.empty()) open.value.entries.reserve(kFew);
    open.value.entries.push_back(std::move(open.entry));
    open.entry = {};
    open.has_key = false;
    return true;
  }

  YamlText& text_;
  Value root_;
  std::vector<Open> stack_;
  Refused refused_;
};

/// The parser and its event in hand.
class Events {
 public:
  /// Requires: the text outlives it.
  explicit Events(const YamlText& text) {
    (void)yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    const std::string_view bytes = text.bytes();
    yaml_parser_set_input_string(
        &parser_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()
    );
  }
  ~Events() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// Null: the text is no YAML; see problem().
  const yaml_event_t* next() {
    yaml_event_delete(&event_);
    return yaml_parser_parse(&parser_, &event_) != 0 ? &event_ : nullptr;
  }

  Refused problem(YamlText& text) const {
    const std::string problem = parser_.problem == nullptr ? "no memory" : parser_.problem;
    const auto [line, column, byte] = text.at(parser_.problem_mark.index);
    if (byte < text.bytes().size() && text.bytes()[byte] == '\t')
      return {line, "not YAML: a tab, indent with spaces"};
    std::string what = "not YAML: " + problem;
    if (parser_.context != nullptr) {
      const int from = text.at(parser_.context_mark.index).line;
      what += std::string(" ") + parser_.context;
      if (from != line) what += " that begins in line " + std::to_string(from);
    }
    return {line, what + ", check indentation and quotes"};
  }

 private:
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

/// The first document. `empty`: there is none.
std::optional<Refused> read_document(
    Events& events, YamlText& text, TreeBuilder& builder, bool& empty
) {
  while (const yaml_event_t* event = events.next()) {
    if (event->type == YAML_STREAM_START_EVENT) continue;
    if (event->type == YAML_DOCUMENT_START_EVENT) {
      empty = false;
      continue;
    }
    if (event->type == YAML_DOCUMENT_END_EVENT || event->type == YAML_STREAM_END_EVENT)
      return std::nullopt;
    if (!builder.take(*event)) return builder.refused();
  }
  return events.problem(text);
}

/// Nothing may follow it.
std::optional<Refused> read_end(Events& events, YamlText& text) {
  const yaml_event_t* event = events.next();
  if (event != nullptr && event->type == YAML_STREAM_END_EVENT) return std::nullopt;
  if (event != nullptr) event = events.next();  // what the document begins with
  if (event == nullptr) return events.problem(text);
  const int line = text.at(event->start_mark.index).line;
  return Refused{line, "second document in one file, remove the '---' before it"};
}

}  // namespace

base::Result<Value> parse_yaml(const std::string& text, const std::string& name) {
  const auto refuse = [&name](const Refused& refused) {
    return base::invalid(name + ":" + std::to_string(refused.line) + ": " + refused.what);
  };
  YamlText read(text);
  Events events(read);
  TreeBuilder builder(read);
  bool empty = true;
  if (const auto refused = read_document(events, read, builder, empty)) return refuse(*refused);
  Value root = builder.take_root();
  if (empty || root.kind == Value::Kind::kNull)
    return refuse({1, "file is empty, start from config/fairlead.yaml"});
  if (root.kind != Value::Kind::kMap)
    return refuse({root.line, "a configuration is a map of sections, as in 'node: {id: lb1}'"});
  if (const auto refused = read_end(events, read)) return refuse(*refused);
  return root;
}

}  // namespace fairlead::config
