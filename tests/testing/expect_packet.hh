// SPDX-License-Identifier: BSD-3-Clause
// Comparing frames so that a failure names fields, not offsets.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/testing/packet_builder.hh"

namespace fairlead::testing {

/// One line per field, e.g. "ipv4.ttl = 63"; bytes that are no known header come last, in hex.
std::vector<std::string> describe(const Frame& frame);

/// Success if equal; else the fields that differ, as "expected | actual".
::testing::AssertionResult same_frame(const Frame& expected, const Frame& actual);

}  // namespace fairlead::testing

/// EXPECT that two frames are equal, with a readable difference.
#define FL_EXPECT_PACKET(expected, actual) \
  EXPECT_TRUE(::fairlead::testing::same_frame(expected, actual))
