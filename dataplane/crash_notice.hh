// SPDX-License-Identifier: BSD-3-Clause
// A crash is told to the gate before the core is dumped.
#pragma once

#include "dataplane/steer/abi.h"

namespace fairlead::dataplane {

/// From now on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT set the heartbeat of this process's
/// pages to 0, so that the gate takes over with the next packet, and then do what they do by
/// default. Without it the gate would wait for the heartbeat to grow old: the kernel ends the
/// threads of a process that crashes only when its core is written, and that takes seconds
/// (ebpf/exits.bpf.c sees them end). `workers` must stay mapped; null: nothing is told any more.
/// Main thread.
///
/// In builds with a sanitizer these signals are the sanitizer's, and nothing is installed.
void tell_crashes(fl_workers* workers);

}  // namespace fairlead::dataplane
