// SPDX-License-Identifier: BSD-3-Clause
// The gate on a node's interface, as fairlead-control sees it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/base/result.hh"
#include "ebpf/include/gate_regions.h"
#include "ebpf/pinned_program.hh"
#include "ebpf/vip_table.hh"

namespace fairlead::ebpf {

/// The node's regions as BPF maps (shm/region.hh): what the gate forwards from. Without them it
/// only redirects. The descriptors are not kept.
struct GateRegions {
  int steering = -1;
  int scores = -1;
  int workers = -1;
  std::vector<int> flows;  // by worker; all of one size
  std::uint64_t bank_bytes = 0;
  std::uint64_t buckets = 0;  // of each flow table
};

/// Next hops of what the gate sends itself, and the interface's own address. Zero: not known.
struct GateHops {
  net::MacAddr own;  // frames to others are left to the kernel
  net::MacAddr gateway4;
  net::MacAddr gateway6;
  std::uint32_t mtu = 1500;
  std::map<std::uint32_t, net::MacAddr> backends;  // by number: L2 direct return without own MAC
  friend bool operator==(const GateHops&, const GateHops&) = default;
};

/// The XDP program (gate.bpf.c) that sends vip traffic to the data plane's AF_XDP socket and
/// everything else to the kernel, and that forwards vip traffic itself while there is no data plane
/// or it hangs (docs/takeover.md). One gate per interface; one process at a time uses it
/// (fairlead-control).
///
/// The gate outlives this object and the process: link and maps are pinned in `bpffs_dir`. attach()
/// after a restart finds them; the data plane's sockets and the vips stay in the maps, so no packet
/// takes another way. Only detach() ends the gate.
///
/// Attach the gate before the data plane opens its port; a net_af_xdp port that finds no program
/// would attach its own. Needs CAP_NET_ADMIN, CAP_BPF and, to mount the bpffs, CAP_SYS_ADMIN (root
/// has them). The interface is looked up in the caller's network namespace. Not thread-safe.
class Gate {
 public:
  /// Mounts a bpffs at `bpffs_dir` (normally <runtime_dir>/bpf) if there is none, loads the program
  /// and attaches it to `interface`: native where the driver can, else generic. A gate of the same
  /// version is taken over as it is, of another version replaced between two packets. If the layout
  /// of a map differs (an upgrade that says so in its notes), the map is made afresh; then
  /// sockets_lost() and the data plane must be restarted. Errors: kNotFound (no such interface),
  /// kAlreadyExists (somebody else's XDP program is there), kPermissionDenied.
  /// What the program reads of its maps is written before it is attached or exchanged: regions,
  /// own address, and `vips` where the maps are made afresh.
  static base::Result<Gate> attach(
      const std::string& interface,
      const std::string& bpffs_dir,
      const GateRegions& regions = {},
      std::span<const ServedVip> vips = {}
  );

  /// Replaces the vips. Empty: everything goes to the kernel. Unchanged vips miss no packet; after
  /// an error the old vips are still in force.
  base::Result<void> set_vips(std::span<const ServedVip> vips);

  /// Before the first call, what the gate would forward is dropped with no_next_hop.
  base::Result<void> set_hops(const GateHops& hops);
  /// As set last by this object.
  [[nodiscard]] const GateHops& hops() const { return hops_; }

  /// Every counter of the gate, in a fixed order. Their sum is the number of frames seen.
  [[nodiscard]] base::Result<std::vector<XdpCounter>> counters() const;

  [[nodiscard]] const std::string& interface() const { return program_.interface(); }
  [[nodiscard]] AttachMode mode() const { return program_.mode(); }
  [[nodiscard]] LinkOrigin origin() const { return program_.origin(); }
  [[nodiscard]] bool sockets_lost() const { return program_.maps_renewed(); }
  /// Why the gate does not see a worker's thread end (exit_watch.hh), and so takes over only when
  /// the kernel has closed its socket; empty: it does, or there are no regions.
  [[nodiscard]] const std::string& blind_to_exits() const { return blind_to_exits_; }

  /// Ends the gate: detaches the program, removes the pins, unmounts the bpffs if it is empty. All
  /// traffic then goes to the kernel. The object is of no further use.
  base::Result<void> detach();

 private:
  Gate(PinnedProgram program, const fl_gate_settings& settings, std::string bpffs_dir)
      : program_(std::move(program)), settings_(settings), bpffs_dir_(std::move(bpffs_dir)) {}

  PinnedProgram program_;
  fl_gate_settings settings_;
  GateHops hops_;
  std::string bpffs_dir_;
  std::string blind_to_exits_;
};

}  // namespace fairlead::ebpf
