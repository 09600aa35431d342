// SPDX-License-Identifier: BSD-3-Clause
// Whose XDP program an interface has, in words that help to get rid of it.
#pragma once

#include <string>

namespace fairlead::ebpf {

/// "interface eth1 already has ...; how to remove it". Says so when it is the gate of another
/// runtime directory, a program that a BPF link holds (which `ip link ... xdp off` cannot remove),
/// or what libxdp leaves behind when an AF_XDP process is killed.
std::string describe_xdp_holder(const std::string& interface, int ifindex);

}  // namespace fairlead::ebpf
