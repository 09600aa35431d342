// SPDX-License-Identifier: BSD-3-Clause
// QUIC packets whose connection id names their backend.
#pragma once

#include <cstdint>

#include "dataplane/path/burst.hh"
#include "dataplane/path/context.hh"

namespace fairlead::path {

/// The member that packet i's connection id names, if it can serve the packet; else FL_NO_MEMBER:
/// the vip does not have QUIC ids on, the packet holds none, the id names nobody, or the backend is
/// down. A draining backend is not named by long headers: a client begins with an id of its own
/// making, which may name anybody. Requires: burst.vip[i] is set.
[[nodiscard]] std::uint32_t quic_member(
    const WorkerContext& context, const Burst& burst, unsigned i
);

}  // namespace fairlead::path
