// SPDX-License-Identifier: BSD-3-Clause
// A whole configuration file, read so that nothing which is no file can hang or fill the reader.
#pragma once

#include <cstddef>
#include <string>

#include "dataplane/base/result.hh"

namespace fairlead::config {

/// The bytes of a regular file of at most `most` bytes. Never blocks: pipes, devices and folders
/// are refused. Errors (bad input): "PATH:1: what, what to do".
base::Result<std::string> read_text_file(const std::string& path, std::size_t most);

}  // namespace fairlead::config
