// SPDX-License-Identifier: BSD-3-Clause
// MAC addresses as programs compare them.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/result.hh"

namespace fairlead::ebpf {

/// The first six bytes of a frame to the interface, as a word.
base::Result<std::uint64_t> mac_word(const std::string& interface);

}  // namespace fairlead::ebpf
