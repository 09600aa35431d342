// SPDX-License-Identifier: BSD-3-Clause
// What an AF_XDP driver opened in this process, and leaves open.
//
// DPDK's AF_XDP driver unmaps a queue's memory when the port is closed but keeps the socket's
// descriptor. As long as one is open the kernel counts the queue as bound (EBUSY for whoever comes
// next, this process too) and may write into buffers that are somebody else's by then. libxdp,
// which it uses, keeps a descriptor of the interface's program (the gate's) and one of its map of
// sockets: two for each time that a port comes and goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::dataplane {

/// A set of descriptors: of AF_XDP sockets, and of BPF programs, maps and links. Main thread only;
/// nobody else opens such files meanwhile.
class XdpFiles {
 public:
  /// All that are open now.
  static XdpFiles of_this_process();

  void add(const XdpFiles& more);
  [[nodiscard]] XdpFiles without(const XdpFiles& others) const;
  [[nodiscard]] std::size_t count() const { return files_.size(); }
  /// Closes those that are still open, and forgets all. A number that is another file's by now is
  /// left alone.
  void close_those_left();

 private:
  struct One {
    int descriptor;
    std::string kind;  // as /proc names it
    std::uint64_t
        id;  // of the socket's inode, or the kernel's of the BPF object: numbers come back
    friend bool operator==(const One&, const One&) = default;
  };
  std::vector<One> files_;
};

}  // namespace fairlead::dataplane
