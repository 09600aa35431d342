// SPDX-License-Identifier: BSD-3-Clause
// AF_XDP ports on an interface that has no gate.
#pragma once

#include <string>

namespace fairlead::dataplane {

/// True if the gate that is pinned in `runtime_dir` is attached to the interface.
[[nodiscard]] bool has_gate(const std::string& runtime_dir, const std::string& interface);

/// The device to open in the place of `device`. Nearly always itself. Without a gate net_af_xdp
/// attaches a program that takes every frame of the interface from the kernel, ARP and SSH too, so
/// that neither neighbours nor operators reach the host: such a port becomes a net_af_packet one,
/// which is slower and leaves the kernel its share. Logs that it did.
[[nodiscard]] std::string device_in_force(
    const std::string& runtime_dir, const std::string& device
);

}  // namespace fairlead::dataplane
