// SPDX-License-Identifier: BSD-3-Clause
// A pinned XDP link: attached once, found again after a restart, replaced without a gap.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::ebpf {

/// Where the program runs: in the driver, before the kernel makes an skb of the frame (native),
/// after it (generic: works on every interface, slower), or on the NIC.
enum class AttachMode { kNative, kGeneric, kOffloaded };
std::string_view to_string(AttachMode mode);

/// What attaching found.
enum class LinkOrigin {
  kAttached,  // nothing of ours was there
  kReused,    // the same program: nothing changed
  kReplaced,  // another version: exchanged between two packets
};
std::string_view to_string(LinkOrigin origin);

struct XdpLink {
  sys::UniqueFd fd;
  LinkOrigin origin = LinkOrigin::kAttached;
};

/// Index of an interface of this network namespace.
base::Result<int> interface_index(const std::string& interface);

/// Attaches program `prog_fd` to the interface and pins the link at `pin` (in a bpffs). Same
/// program means the same instructions and the same maps. A pinned link of another interface or
/// namespace is dropped, which detaches it. Fails with kAlreadyExists if somebody else's program
/// holds the interface.
base::Result<XdpLink> attach_pinned_xdp(
    const std::string& interface, int ifindex, int prog_fd, const std::string& pin
);

base::Result<AttachMode> xdp_attach_mode(const std::string& interface, int ifindex);

/// How a program sends a frame out of the interface that it came from. A veth drops what XDP_TX
/// sends unless its peer runs XDP itself, but a redirect arrives if the peer has GRO on; NICs send
/// XDP_TX on the queue that the packet came from.
base::Result<bool> sends_by_redirect(const std::string& interface);

}  // namespace fairlead::ebpf
