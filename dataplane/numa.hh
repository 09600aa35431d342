// SPDX-License-Identifier: BSD-3-Clause
// Which memory is near which core.
#pragma once

#include <cstddef>

namespace fairlead::dataplane {

/// NUMA node of a core as the kernel says; 0 where there is only one or it does not say.
int socket_of_core(unsigned core);

/// Asks the kernel to place pages of [memory, memory + bytes) that nobody has touched yet on a NUMA
/// node (mbind, MPOL_PREFERRED: elsewhere if that is full). Whole pages inside the range only.
/// False where the kernel refuses; memory then comes from the node of who touches it first.
bool prefer_socket(void* memory, std::size_t bytes, int socket);

}  // namespace fairlead::dataplane
