// SPDX-License-Identifier: BSD-3-Clause
// The end of a worker's thread, told to the gate at once.
#pragma once

#include <string>

#include "dataplane/base/result.hh"

namespace fairlead::ebpf {

/// Loads exits.bpf.c on the region `workers` (a map) and pins its link in `bpffs_dir`, so that it
/// outlives the process as the gate does; one that is there already is replaced. From then on the
/// kernel sets the heartbeat of a worker whose thread ends to 0, before it closes the process's
/// sockets, and the gate takes over with the next packet (docs/takeover.md). `bpffs_dir` must be a
/// bpffs (bpffs.hh). Data planes of another pid namespace than the caller's are not seen
/// (FL_NAMESPACE_OFFSET).
///
/// The gate works without, it learns of a death some milliseconds later: an error (no CAP_PERFMON,
/// a kernel without tracepoints for BPF) is to be told, and nothing else. Linux 5.8.
base::Result<void> watch_exits(int workers, const std::string& bpffs_dir);

/// Ends it. Harmless where there is none.
void unwatch_exits(const std::string& bpffs_dir);

}  // namespace fairlead::ebpf
