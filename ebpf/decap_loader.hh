// SPDX-License-Identifier: BSD-3-Clause
// The decapsulator on a backend's interface, as fairlead-agent sees it.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/base/result.hh"
#include "ebpf/pinned_program.hh"
#include "ebpf/vip_table.hh"

namespace fairlead::ebpf {

/// The XDP program (decap.bpf.c) that strips IPIP and GUE headers from packets for the vips served
/// here, if they come from a configured node. Like the gate it outlives the process: an agent that
/// is killed costs no connection, and the next one takes the program over. Needs root. Not
/// thread-safe.
class Decap {
 public:
  struct Content {
    std::span<const ServedVip> vips = {};
    /// Outer source addresses of the nodes, and of the other backends, which may pass on packets
    /// whose connection they do not know (second chance). At most FL_SOURCE_MAX together.
    std::span<const net::Prefix> nodes = {};
    std::span<const net::Prefix> backends = {};
  };

  /// See PinnedProgram::attach. The content is in the maps when the program gets its first packet,
  /// also where it replaces one whose maps have another layout. After an error in it the program
  /// that was there, if any, is still the one.
  static base::Result<Decap> attach(
      const std::string& interface, const std::string& bpffs_dir, const Content& content
  );

  [[nodiscard]] base::Result<std::vector<XdpCounter>> counters() const;
  [[nodiscard]] const std::string& interface() const { return program_.interface(); }
  [[nodiscard]] AttachMode mode() const { return program_.mode(); }
  [[nodiscard]] LinkOrigin origin() const { return program_.origin(); }

  /// Ends decapsulation and leaves nothing behind.
  base::Result<void> detach() { return program_.detach(); }

 private:
  explicit Decap(PinnedProgram program) : program_(std::move(program)) {}

  PinnedProgram program_;
};

}  // namespace fairlead::ebpf
