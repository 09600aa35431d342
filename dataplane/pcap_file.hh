// SPDX-License-Identifier: BSD-3-Clause
// Pcap files: checking one before it is replayed, and writing one with chosen timestamps.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "dataplane/base/result.hh"

namespace fairlead::dataplane {

struct PcapSummary {
  std::uint64_t packets = 0;
  std::uint32_t longest = 0;  // bytes captured of the longest packet
};

/// Reads the whole file with libpcap, the library of DPDK's pcap port, so that what passes here is
/// read there to the end. Refuses: missing, empty, not a pcap, cut short, no Ethernet, no packets.
base::Result<PcapSummary> check_pcap(const std::string& path);

/// Writes a classic pcap (microseconds, Ethernet, native byte order). The bytes depend on nothing
/// but the arguments. The file appears under its name only by commit(); without it nothing stays.
class PcapWriter {
 public:
  static base::Result<PcapWriter> create(const std::string& path);
  PcapWriter(PcapWriter&& other) noexcept;
  PcapWriter& operator=(PcapWriter&&) = delete;
  ~PcapWriter();

  /// Starts a packet of `length` bytes; its bytes follow by append().
  void begin(std::uint64_t time_us, std::uint32_t length);
  void append(const void* bytes, std::size_t length);
  base::Result<void> commit();

 private:
  PcapWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  std::FILE* file_;
};

/// Opens `path`.part for writing; the caller renames it when all is well.
base::Result<std::FILE*> open_part(const std::string& path);
/// Flushes, closes and renames; on an error removes the part.
base::Result<void> commit_part(const std::string& path, std::FILE* file);
void discard_part(const std::string& path, std::FILE* file);

}  // namespace fairlead::dataplane
