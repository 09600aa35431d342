// SPDX-License-Identifier: BSD-3-Clause
// Runs a pcap file through the pipeline that forwards, with nothing else around it
// (docs/replay.md).
#pragma once

#include "control/config/config.hh"
#include "dataplane/base/result.hh"
#include "dataplane/options.hh"

namespace fairlead::dataplane {

/// Reads options.replay->in by DPDK's pcap port, steers by a table built from the configuration's
/// weights, writes the forwarded packets in order and, if wanted, one CSV row a packet of the
/// input. The same input gives the same bytes. On any error no output file is left or changed.
/// Prints one summary line to standard output.
base::Result<void> run_replay(const config::Config& config, const Options& options);

}  // namespace fairlead::dataplane
