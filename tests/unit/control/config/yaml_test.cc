// SPDX-License-Identifier: BSD-3-Clause
// The tree's places, which editing in place goes by, and bytes that are no text.
#include "control/config/yaml.hh"

#include <string>

#include <gtest/gtest.h>

#include "control/config/edit.hh"

namespace fairlead::config {
namespace {

/// What stands at a value's place.
std::string at(const std::string& text, int line, int column) {
  std::size_t begin = 0;
  for (int i = 1; i < line; ++i) begin = text.find('\n', begin) + 1;
  return text.substr(begin + static_cast<std::size_t>(column));
}

Value value_of(const std::string& text, const std::string& key) {
  const auto root = parse_yaml(text, "c.yaml");
  EXPECT_TRUE(root) << root.error().what;
  for (const Entry& entry : root->entries)
    if (entry.key == key) return entry.value;
  ADD_FAILURE() << key << " is missing";
  return {};
}

TEST(Yaml, PlacesAreBytesAndLinesAreThoseOfEditors) {
  const std::string texts[] = {
      "a: 1\nb: here\n",
      "\"\xc3\xa9\": \"\xe2\x82\xac\" # \xf0\x9f\x8d\x8b\nb: here\n",
      "{\xc3\xa9: [\xc3\xa9, \"\xe2\x82\xac\"], b: here}\n",
      "\xef\xbb\xbf# with a mark of its bytes' order\nb: here\n",
      "a: 'one\xe2\x80\xa8"
      "line'\nb: here\n",
      "a: 1\r\nb: here\r\n",
      "a: |\n  x\n  y\n\nb: here\n",
      "? a\n:\nb: here\n",
  };
  for (const std::string& text : texts) {
    const Value value = value_of(text, "b");
    EXPECT_EQ(value.text, "here") << text;
    EXPECT_EQ(at(text, value.line, value.column).substr(0, 4), "here") << text;
  }
}

TEST(Yaml, WhatIsNotWrittenIsNull) {
  for (const char* text : {"b:\n", "b: ~\n", "b: null\n", "b: NULL # none\n", "b:\n\n\nc: 1\n"}) {
    const Value value = value_of(text, "b");
    EXPECT_EQ(value.kind, Value::Kind::kNull) << text;
    EXPECT_EQ(value.line, 1) << text;
  }
  for (const char* text : {"b: \"\"\n", "b: 'null'\n", "b: \"~\"\n", "b: ! null\n"}) {
    const Value value = value_of(text, "b");
    EXPECT_EQ(value.kind, Value::Kind::kScalar) << text;
    EXPECT_TRUE(value.quoted) << text;
  }
}

TEST(Yaml, BytesThatAreNoTextAreForCommentsOnly) {
  const std::string latin = "# caf\xe9\nb: 1 # \x01\xff\xed\xa0\x80\n";
  EXPECT_EQ(value_of(latin, "b").text, "1");

  for (const char* text :
       {"a: 1\nb: caf\xe9\n",
        "a: 1\nb: 'x\x01'\n",
        "a: 1\n\xff: 1\n",
        "a: 1\nb: {c: \"\xc2\x9b\"}\n",
        "a: 1\nb: |\n  \xed\xa0\x80\n"}) {
    const auto root = parse_yaml(text, "c.yaml");
    ASSERT_FALSE(root) << text;
    EXPECT_EQ(root.error().what.rfind("c.yaml:2: byte 0x", 0), 0U) << root.error().what;
  }
}

TEST(Yaml, AnEditLeavesBytesOfCommentsAlone) {
  const std::string text =
      "# caf\xe9\nvips:\n  - {name: web, port: 80} # \xe9\xe9\n  - {name: b} # \xe9\n";

  const auto edited = edit_config(text, {Edit::Act::kSet, "web", "", {{"port", "81"}}});

  ASSERT_TRUE(edited) << edited.error().what;
  EXPECT_EQ(
      *edited, "# caf\xe9\nvips:\n  - {name: web, port: 81} # \xe9\xe9\n  - {name: b} # \xe9\n"
  );
}

}  // namespace
}  // namespace fairlead::config
