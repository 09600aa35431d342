// SPDX-License-Identifier: BSD-3-Clause
// The gate on a node's interface, as fairlead-control sees it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.hh"
#include "ebpf/vip_table.hh"
#include "ebpf/xdp_link.hh"

struct gate_bpf;

namespace fairlead::ebpf {

/// A named counter, summed over all CPUs since the maps were made.
struct XdpCounter {
  std::string_view name;  // as in metrics: include/counters.h
  std::string_view text;  // one line for operators
  std::uint64_t packets = 0;
};

/// The XDP program (gate.bpf.c) that sends vip traffic to the data plane's AF_XDP socket and everything
/// else to the kernel. One gate per interface; one process at a time uses it (fairlead-control).
///
/// The gate outlives this object and the process: link and maps are pinned in `bpffs_dir`. attach()
/// after a restart finds them; the data plane's sockets and the vips stay in the maps, so no packet
/// takes another way. Only detach() ends the gate.
///
/// Attach the gate before the data plane opens its port; a net_af_xdp port that finds no program
/// would attach its own. Needs CAP_NET_ADMIN, CAP_BPF and, to mount the bpffs, CAP_SYS_ADMIN (root has
/// them). The interface is looked up in the caller's network namespace. Not thread-safe.
class Gate {
 public:
  /// Mounts a bpffs at `bpffs_dir` (normally <runtime_dir>/bpf) if there is none, loads the program and attaches it to
  /// `interface`: native where the driver can, else generic. A gate of the same version is taken over as
  /// it is, of another version replaced between two packets. If the layout of a map differs (an upgrade
  /// that says so in its notes), the map is made afresh; then sockets_lost() and the data plane must be
  /// restarted.
  /// Errors: kNotFound (no such interface), kAlreadyExists (somebody else's XDP program is there),
  /// kPermissionDenied.
  static base::Result<Gate> attach(const std::string& interface, const std::string& bpffs_dir);

  Gate(Gate&& other) noexcept;
  Gate& operator=(Gate&& other) noexcept;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();  // frees this process's handles; the gate stays

  /// Replaces the vips. Empty: everything goes to the kernel. Unchanged vips miss no packet; after an error the
  /// old vips are still in force.
  base::Result<void> set_vips(std::span<const ServedVip> vips);

  /// Every counter of the gate, in a fixed order. Their sum is the number of frames seen.
  [[nodiscard]] base::Result<std::vector<XdpCounter>> counters() const;

  [[nodiscard]] const std::string& interface() const { return interface_; }
  [[nodiscard]] AttachMode mode() const { return mode_; }
  [[nodiscard]] LinkOrigin origin() const { return link_.origin; }
  [[nodiscard]] bool sockets_lost() const { return sockets_lost_; }

  /// Ends the gate: detaches the program, removes the pins, unmounts the bpffs if it is empty. All traffic then
  /// goes to the kernel. The object is of no further use.
  base::Result<void> detach();

 private:
  Gate() = default;

  gate_bpf* skeleton_ = nullptr;
  XdpLink link_;
  std::string interface_;
  std::string bpffs_dir_;
  AttachMode mode_ = AttachMode::kNative;
  bool sockets_lost_ = false;
};

}  // namespace fairlead::ebpf
