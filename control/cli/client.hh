// SPDX-License-Identifier: BSD-3-Clause
// Asks a daemon one question over its UNIX socket (docs/control-socket.md).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "dataplane/base/result.hh"

namespace fairlead::cli {

/// The `result` of the reply. One connection per question, so a daemon may restart in between; the
/// whole exchange ends within `timeout`. Errors: what the daemon says; unavailable: nobody listens,
/// no answer in time, connection closed early; data_loss: the answer is not what the protocol says.
base::Result<nlohmann::json> ask(
    const std::string& socket_path,
    std::string_view command,
    const nlohmann::json& arguments,
    std::chrono::milliseconds timeout
);

}  // namespace fairlead::cli
