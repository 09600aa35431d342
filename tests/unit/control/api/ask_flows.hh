// SPDX-License-Identifier: BSD-3-Clause
// What tests of `show flow ...` share: a question to tables in memory.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "control/api/flow_answers.hh"

namespace fairlead::api {

/// The answer to a command; the test fails if there is none.
inline nlohmann::json ask_flows(
    const FlowSource& source, const std::string& command, const nlohmann::json& arguments
) {
  const nlohmann::json text = {{"command", command}, {"arguments", arguments}};
  const auto request = parse_request(text.dump());
  EXPECT_TRUE(request) << request.error().what;
  const auto answer = answer_flows(*request, source);
  EXPECT_TRUE(answer) << answer.error().what;
  return *answer;
}

}  // namespace fairlead::api
