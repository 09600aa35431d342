// SPDX-License-Identifier: BSD-3-Clause
// Files that somebody named as input, opened so that nothing which is no file can hang or fill the
// reader.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::sys {

/// Opens a regular file for reading. Never blocks: pipes, devices and folders are refused. `wanted`
/// tells what to name instead ("a pcap file"). Errors (bad input): "PATH: what, what to do".
base::Result<UniqueFd> open_input(const std::string& path, std::string_view wanted);

/// The bytes of a regular file of text, at most `most`. Errors as above, with the line:
/// "PATH:1: what, what to do".
base::Result<std::string> read_input(
    const std::string& path, std::size_t most, std::string_view wanted
);

}  // namespace fairlead::sys
