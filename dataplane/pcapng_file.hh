// SPDX-License-Identifier: BSD-3-Clause
// Writes pcapng (draft-ietf-opsawg-pcapng): packets with direction and comment, an interface for
// each port, times in nanoseconds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/result.hh"
#include "dataplane/sys/output_file.hh"

namespace fairlead::dataplane {

enum class PcapngDirection : std::uint8_t { kUnknown = 0, kInbound = 1, kOutbound = 2 };

struct PcapngPacket {
  std::uint32_t interface = 0;
  std::uint64_t realtime_ns = 0;
  std::uint32_t bytes = 0;  // of the frame on the wire
  std::span<const std::uint8_t> frame;
  PcapngDirection direction = PcapngDirection::kUnknown;
  std::string_view comment = "";  // empty: none
};

/// The file appears under its name by commit() only. One thread; errors of writing are told there.
class PcapngWriter {
 public:
  static base::Result<PcapngWriter> create(const std::string& path);

  /// Interfaces are numbered from 0 in the order of these calls; all Ethernet.
  void add_interface(const std::string& name);
  void add(const PcapngPacket& packet);
  /// How many packets of interface 0 were not written for want of room.
  void add_skipped(std::uint64_t packets, std::uint64_t realtime_ns);
  base::Result<void> commit() { return file_.commit(); }

 private:
  explicit PcapngWriter(sys::OutputFile file) : file_(std::move(file)) {}
  void block(std::uint32_t type, const std::string& body);
  sys::OutputFile file_;
};

}  // namespace fairlead::dataplane
