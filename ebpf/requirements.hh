// SPDX-License-Identifier: BSD-3-Clause
// What the XDP programs need: of the kernel, and of the interface.
#pragma once

#include <functional>
#include <span>
#include <string>

#include <linux/bpf.h>

#include "dataplane/base/result.hh"

namespace fairlead::ebpf {

/// One thing that not every kernel has. The newest ones are listed; whoever has them has the rest.
struct Feature {
  enum class Kind { kMap, kHelper };
  Kind kind;
  unsigned number;    // bpf_map_type, bpf_func_id
  const char* name;   // for people
  const char* since;  // Linux
};

/// Newest first.
[[nodiscard]] std::span<const Feature> gate_features();
[[nodiscard]] std::span<const Feature> decap_features();

/// 1: the kernel has it, 0: it has not, negative: nobody may ask (no CAP_BPF).
using FeatureProbe = std::function<int(const Feature&)>;
/// Asks the running kernel, with a program of two instructions.
[[nodiscard]] int ask_kernel(const Feature& feature);

/// OK if nothing is known to be missing; else kFailedPrecondition, one line that names the first
/// missing feature and the kernel that brought it.
base::Result<void> check_kernel(
    std::span<const Feature> features, const FeatureProbe& probe = ask_kernel
);

/// kFailedPrecondition if the gate cannot work on such a device: a bond (an AF_XDP socket is bound
/// to a device's own queues, a bond has none), a VLAN device (the gate reads tags itself, on the
/// device below), a member of a bond or bridge is fine. `sysfs`: for tests.
base::Result<void> check_interface(
    const std::string& interface, const std::string& sysfs = "/sys/class/net"
);

}  // namespace fairlead::ebpf
