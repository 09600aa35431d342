// SPDX-License-Identifier: BSD-3-Clause
// An XDP program whose link and maps are pinned, so that it outlives the process: what the gate and
// the decapsulator have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.hh"
#include "ebpf/requirements.hh"
#include "ebpf/xdp_link.hh"

struct bpf_object;

namespace fairlead::ebpf {

/// A named counter, summed over all CPUs since the maps were made.
struct XdpCounter {
  std::string_view name;  // as in metrics: include/counters.h
  std::string_view text;  // one line for operators
  std::uint64_t packets = 0;
};

/// A map of the program that somebody else made: the program uses it and does not pin it.
struct SharedMap {
  std::string name;  // in the file
  int fd = -1;
};

/// An array of maps of the program and what its first entries are: maps of one layout and size.
struct OuterMap {
  std::string name;
  std::vector<int> inner;
};

/// Not thread-safe; one process at a time per directory.
class PinnedProgram {
 public:
  struct Source {
    std::span<const std::byte> object;  // the ELF file
    const char* program;                // its name in the file
    const char* link_name;              // file name of the pinned link
    std::vector<SharedMap> shared = {};
    std::optional<OuterMap> outer = {};
    std::span<const Feature> features = {};  // looked at when it does not load
    bool binds_sockets = false;              // AF_XDP: not every interface will do
    /// Writes what must be in the maps before the first packet. An error leaves the interface as it
    /// was.
    std::function<base::Result<void>(const PinnedProgram&)> fill = {};
  };

  /// Mounts a bpffs at `dir` if there is none, loads the program with its maps pinned as `dir`/NAME
  /// (an existing map is taken over) and attaches it. A pinned map of another layout is made
  /// afresh.
  static base::Result<PinnedProgram> attach(
      const Source& source, const std::string& interface, const std::string& dir
  );

  [[nodiscard]] int map_fd(const char* name) const;

  /// Fills in `packets` of `counters` from the per-CPU array `map`, by position.
  base::Result<void> read_counters(const char* map, std::span<XdpCounter> counters) const;

  [[nodiscard]] const std::string& interface() const { return interface_; }
  [[nodiscard]] AttachMode mode() const { return mode_; }
  [[nodiscard]] LinkOrigin origin() const { return link_.origin; }
  [[nodiscard]] bool maps_renewed() const { return maps_renewed_; }

  /// Detaches, removes the pins and the empty bpffs.
  base::Result<void> detach();

 private:
  struct Close {
    void operator()(bpf_object* object) const;
  };
  using Object = std::unique_ptr<bpf_object, Close>;

  static base::Result<Object> open(const Source& source, const std::string& dir);
  base::Result<void> load(const Source& source);
  base::Result<bool> fill_outer(const Source& source);
  void unpin_maps();

  Object object_;
  XdpLink link_;
  std::string interface_;
  std::string dir_;
  std::string link_pin_;
  AttachMode mode_ = AttachMode::kNative;
  bool maps_renewed_ = false;
};

}  // namespace fairlead::ebpf
