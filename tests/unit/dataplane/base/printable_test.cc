// SPDX-License-Identifier: BSD-3-Clause
// Foreign text in messages: one line, no commands to the terminal, never more than fits.
#include "dataplane/base/printable.hh"

#include <string>

#include <gtest/gtest.h>

namespace fairlead::base {
namespace {

TEST(Printable, TextStays) {
  EXPECT_EQ(
      printable("web-1 \"a\" \\ gr\u00fc\u00df \u20ac \U0001f6a2"),
      "web-1 \"a\" \\ gr\u00fc\u00df \u20ac \U0001f6a2"
  );
}

TEST(Printable, ControlBytesAreEscaped) {
  EXPECT_EQ(
      printable(std::string_view("a\n\r\t\x1b[2J\0b\x7f", 11)), "a\\n\\r\\t\\x1b[2J\\x00b\\x7f"
  );
  EXPECT_EQ(printable("\u009b2J"), "\\x9b2J");
}

TEST(Printable, BytesThatAreNoTextAreEscaped) {
  EXPECT_EQ(printable("\x80\xff"), "\\x80\\xff");
  EXPECT_EQ(
      printable("\x9b"
                "2J"),
      "\\x9b2J"
  );                                                        // CSI of 8-bit terminals
  EXPECT_EQ(printable("\xc3"), "\\xc3");                    // cut
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");           // cut
  EXPECT_EQ(printable("\xc0\x8a"), "\\xc0\\x8a");           // a line break in two bytes
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half of a UTF-16 pair
}

TEST(Printable, WhatHidesTextIsEscaped) {
  EXPECT_EQ(printable("a\u202eb"), "a\\xe2\\x80\\xaeb");  // right to left
  EXPECT_EQ(printable("\ufeffid"), "\\xef\\xbb\\xbfid");  // byte order mark
  EXPECT_EQ(printable("\u200b\u2066"), "\\xe2\\x80\\x8b\\xe2\\x81\\xa6");
}

TEST(Quoted, ShortTextWhole) {
  EXPECT_EQ(base::quoted("web"), "'web'");
  EXPECT_EQ(base::quoted(""), "''");
  EXPECT_EQ(base::quoted(std::string(60, 'a')), "'" + std::string(60, 'a') + "'");
}

TEST(Quoted, LongTextIsCutBetweenCharacters) {
  EXPECT_EQ(base::quoted(std::string(61, 'a')), "'" + std::string(60, 'a') + "...'");
  EXPECT_EQ(base::quoted(std::string(59, 'a') + "\u20ac"), "'" + std::string(59, 'a') + "...'");
  EXPECT_LT(base::quoted(std::string(1000, '\x80')).size(), 300U);
}

TEST(Message, LongOnesKeepBeginningAndEnd) {
  const std::string text = message("file.csv:3: " + std::string(100'000, 'x') + ", do this");

  EXPECT_LE(text.size(), kMostMessage);
  EXPECT_EQ(text.rfind("file.csv:3: xxx", 0), 0U);
  EXPECT_NE(text.find(" ... "), std::string::npos);
  EXPECT_EQ(text.substr(text.size() - 9), ", do this");
}

TEST(Message, ShortOnesStay) {
  EXPECT_EQ(message("a\nb"), "a\\nb");
  EXPECT_EQ(message(std::string(kMostMessage, 'x')).size(), kMostMessage);
}

TEST(Message, AnyBytesOfAnyLengthAreBounded) {
  for (std::size_t length = 0; length < 5000; length += 7) {
    for (const char c : {'\x01', '\x80', '\xe2', 'a'}) {
      EXPECT_LE(message(std::string(length, c)).size(), kMostMessage);
    }
  }
}

}  // namespace
}  // namespace fairlead::base
