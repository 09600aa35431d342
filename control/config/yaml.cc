// SPDX-License-Identifier: BSD-3-Clause
// yaml-cpp's events into our tree; its exceptions end here.
#include "control/config/yaml.hh"

#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

constexpr std::size_t kMaxDepth = 32;

struct Refused {
  int line;
  std::string what;
};

// Builds the tree on a stack of containers that are not closed yet.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(Value::Kind::kNull, mark, anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { no_anchor(line_of(mark)); }
  void OnScalar(
      const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text
  ) override {
    Value value = make(Value::Kind::kScalar, mark, anchor);
    value.quoted = tag == "!";
    if (!value.quoted && (text == "~" || text == "null")) value.kind = Value::Kind::kNull;
    value.text = text;
    add(std::move(value));
  }
  void OnSequenceStart(
      const YAML::Mark& mark,
      const std::string&,
      YAML::anchor_t anchor,
      YAML::EmitterStyle::value style
  ) override {
    push(make(Value::Kind::kList, mark, anchor), style);
  }
  void OnSequenceEnd() override { pop(); }
  void OnMapStart(
      const YAML::Mark& mark,
      const std::string&,
      YAML::anchor_t anchor,
      YAML::EmitterStyle::value style
  ) override {
    push(make(Value::Kind::kMap, mark, anchor), style);
  }
  void OnMapEnd() override { pop(); }

  [[nodiscard]] Value take() { return std::move(root_); }

 private:
  struct Open {
    Value value;
    Entry entry;  // of a map: the key that waits for its value
    bool has_key = false;
  };

  static int line_of(const YAML::Mark& mark) { return mark.line + 1; }
  [[noreturn]] static void no_anchor(int line) {
    throw Refused{line, "anchors and aliases are not supported, write the value out"};
  }
  static Value make(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) no_anchor(line_of(mark));
    Value value;
    value.kind = kind;
    value.line = line_of(mark);
    value.column = mark.column;
    return value;
  }
  void push(Value value, YAML::EmitterStyle::value style) {
    value.flow = style == YAML::EmitterStyle::Flow;
    if (stack_.size() >= kMaxDepth) throw Refused{value.line, "nested deeper than 32 levels"};
    stack_.push_back(Open{std::move(value), {}, false});
  }
  void pop() {
    Value done = std::move(stack_.back().value);
    stack_.pop_back();
    add(std::move(done));
  }
  void add(Value value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& open = stack_.back();
    if (open.value.kind == Value::Kind::kList) {
      open.value.items.push_back(std::move(value));
    } else if (!open.has_key) {
      take_key(open, value);
    } else {
      open.entry.value = std::move(value);
      // The parser sees a missing value at the next token, perhaps lines below.
      if (open.entry.value.kind == Value::Kind::kNull) open.entry.value.line = open.entry.line;
      open.value.entries.push_back(std::move(open.entry));
      open.entry = {};
      open.has_key = false;
    }
  }
  static void take_key(Open& open, Value& key) {
    if (key.kind != Value::Kind::kScalar) {
      throw Refused{key.line, "a key must be a plain word, as in 'port: 80'"};
    }
    for (const Entry& e : open.value.entries) {
      if (e.key == key.text) {
        throw Refused{
            key.line,
            base::quoted(key.text) + " is given twice (first in line " + std::to_string(e.line) +
                "), remove one of them"};
      }
    }
    open.entry.key = std::move(key.text);
    open.entry.line = key.line;
    open.entry.column = key.column;
    open.has_key = true;
  }

  Value root_;
  std::vector<Open> stack_;
};

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

}  // namespace

base::Result<Value> parse_yaml(const std::string& text, const std::string& name) {
  const auto refuse = [&name](int line, const std::string& what) {
    return base::invalid(name + ":" + std::to_string(line) + ": " + one_line(what));
  };
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    TreeBuilder first;
    if (!parser.HandleNextDocument(first)) {
      return refuse(1, "file is empty, start from config/fairlead.yaml");
    }
    Value root = first.take();
    if (root.kind == Value::Kind::kNull) {
      return refuse(1, "file is empty, start from config/fairlead.yaml");
    }
    if (root.kind != Value::Kind::kMap) {
      return refuse(root.line, "a configuration is a map of sections, as in 'node: {id: lb1}'");
    }
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      return refuse(second.take().line, "second document in one file, remove the '---' before it");
    }
    return root;
  } catch (const Refused& refused) {
    return refuse(refused.line, refused.what);
  } catch (const YAML::ParserException& e) {
    return refuse(e.mark.line + 1, "not YAML: " + e.msg + ", check indentation and quotes");
  } catch (const std::exception& e) {
    return refuse(1, std::string("not YAML: ") + e.what());
  }
}

}  // namespace fairlead::config
