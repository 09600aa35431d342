// SPDX-License-Identifier: BSD-3-Clause
// The file that says of every new flow where it went.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "dataplane/base/result.hh"
#include "dataplane/path/decision_sink.hh"
#include "dataplane/steer/table_view.hh"

namespace fairlead::dataplane {

inline constexpr const char* kDecisionHeader =
    "time_us,protocol,src_ip,src_port,dst_ip,dst_port,vip,node_id,backend_id\n";

/// "tcp" or "udp"; another protocol's number in decimal.
std::string protocol_name(std::uint8_t protocol);

/// One row, line break included. `time_us`: CLOCK_REALTIME in microseconds.
std::string decision_row(
    const path::Decision& decision,
    std::uint64_t time_us,
    const steer::Names& names,
    const std::string& node
);

/// "tcp:198.51.100.7:1234>203.0.113.10:80", IPv6 addresses in brackets; without a comma, so it is
/// one CSV field. The name of a flow in replays.
std::string flow_text(const net::FiveTuple& tuple);

/// Empties the workers' sinks into a file. Main thread only: a worker that finds its sink full
/// skips and counts, whatever the disk does.
class DecisionLog {
 public:
  /// Appends to `path`; a new file gets the header.
  static base::Result<DecisionLog> open(const std::string& path, const std::string& node);
  DecisionLog(DecisionLog&& other) noexcept;
  DecisionLog& operator=(DecisionLog&&) = delete;
  ~DecisionLog();

  /// Writes what the sink holds. Returns the number of rows.
  std::uint64_t drain(path::DecisionSink& sink, const steer::Names& names);
  /// Makes the rows visible to readers; opens the file anew if it was moved away (log rotation).
  void flush();

  [[nodiscard]] std::uint64_t failed() const { return failed_; }  // rows the disk refused

 private:
  DecisionLog(std::string path, std::string node, std::FILE* file)
      : path_(std::move(path)), node_(std::move(node)), file_(file) {}
  static base::Result<std::FILE*> open_file(const std::string& path);

  std::string path_;
  std::string node_;
  std::FILE* file_;
  std::uint64_t unflushed_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace fairlead::dataplane
