// SPDX-License-Identifier: BSD-3-Clause
// Pcap files: checking one before it is replayed, and writing one with chosen timestamps.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/result.hh"
#include "dataplane/sys/output_file.hh"

namespace fairlead::dataplane {

struct PcapSummary {
  std::uint64_t packets = 0;
  std::uint32_t longest = 0;  // bytes captured of the longest packet
};

/// Reads the whole file with libpcap, the library of DPDK's pcap port, so that what passes here is
/// read there to the end. Refuses: missing, empty, not a pcap, cut short, no Ethernet, no packets.
/// `path` is its name in messages; the descriptor stays open, its place in the file is undefined.
base::Result<PcapSummary> check_pcap(int file, const std::string& path);

/// Writes a classic pcap (microseconds, Ethernet, native byte order). The bytes depend on nothing
/// but the arguments. The file appears under its name only by commit(); without it nothing stays.
class PcapWriter {
 public:
  static base::Result<PcapWriter> create(const std::string& path);

  /// Starts a packet of `length` bytes; its bytes follow by append().
  void begin(std::uint64_t time_us, std::uint32_t length);
  void append(const void* bytes, std::size_t length);
  base::Result<void> commit() { return file_.commit(); }

 private:
  explicit PcapWriter(sys::OutputFile file) : file_(std::move(file)) {}
  sys::OutputFile file_;
};

}  // namespace fairlead::dataplane
