// SPDX-License-Identifier: BSD-3-Clause
// The AF_XDP sockets that a driver opened in this process, and that it leaves open.
//
// DPDK's AF_XDP driver unmaps a queue's memory when the port is closed but keeps the socket's
// descriptor. As long as one is open the kernel counts the queue as bound (EBUSY for whoever comes
// next, this process too) and may write into buffers that are somebody else's by then.
#pragma once

#include <vector>

#include <sys/types.h>

namespace fairlead::dataplane {

/// A set of them. Main thread only; nobody else opens such sockets.
class XdpSockets {
 public:
  /// All that are open now.
  static XdpSockets of_this_process();

  void add(const XdpSockets& more);
  [[nodiscard]] XdpSockets without(const XdpSockets& others) const;
  [[nodiscard]] std::size_t count() const { return sockets_.size(); }
  /// Closes those that are still open, and forgets all. A number that is another file's by now is
  /// left alone.
  void close_those_left();

 private:
  struct One {
    int descriptor;
    ino_t inode;  // of the socket: numbers come back
    friend bool operator==(const One&, const One&) = default;
  };
  std::vector<One> sockets_;
};

}  // namespace fairlead::dataplane
