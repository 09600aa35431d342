// SPDX-License-Identifier: BSD-3-Clause
// A BPF file system of our own, where links and maps outlive the process that made them.
#pragma once

#include <string>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::ebpf {

/// Makes `dir` (and missing parents, mode 0700) and mounts a bpffs on it, unless it already is one
/// or lies in one. The mount belongs to the caller's mount namespace: a process started by `ip
/// netns exec` has a private one that ends with it, and the pins with it; enter the network
/// namespace with `nsenter --net=` instead. True: mounted by this call.
base::Result<bool> ensure_bpffs(const std::string& dir);

/// Unmounts `dir` and removes it if nothing is pinned there any more; otherwise does nothing.
void remove_empty_bpffs(const std::string& dir);

/// Removes every pin in `dir`, which detaches programs and frees maps that no process uses,
/// unmounts it and removes it. Returns the names of the pins; none if it is no BPF file system.
base::Result<std::vector<std::string>> remove_bpffs(const std::string& dir);

/// Silences libbpf and remembers its last warning, which names the cause better than errno.
/// Call before any other libbpf function; safe to repeat.
void capture_libbpf_messages();

/// system_error() with libbpf's last warning appended; forgets the warning.
tl::unexpected<base::Error> bpf_error(const std::string& doing, int errno_value);

}  // namespace fairlead::ebpf
