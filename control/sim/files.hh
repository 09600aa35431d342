// SPDX-License-Identifier: BSD-3-Clause
// The files of the simulator's contract: requests and updates in, decisions and report out. The
// only part of control/sim that touches the file system. Errors: one line, FILE:LINE: what is
// wrong.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "control/sim/measures.hh"
#include "control/sim/setup.hh"
#include "control/sim/simulation.hh"
#include "dataplane/base/result.hh"
#include "dataplane/sys/output_file.hh"

namespace fairlead::sim {

/// Requests of a CSV with the header request_id,arrival_us and optionally src_ip, src_port,
/// service_us. Rows keep their ids as text.
struct RequestsFile {
  std::string text;                   // the whole file; ids point into it
  std::vector<std::string_view> ids;  // by row
  std::vector<FileRequest> requests;  // by row; times since `start`
  bool has_sources = false;
};

/// Reads and checks: header, numbers, rising arrivals, unique ids. Times are absolute here.
base::Result<RequestsFile> read_requests(const std::string& path);
/// Reads and checks JSON lines; times absolute, rising.
base::Result<std::vector<FileUpdate>> read_updates(const std::string& path);

/// Larger input files are refused, and times beyond these.
inline constexpr std::size_t kMostFileBytes = std::size_t{8} << 30;
inline constexpr double kMostMicroseconds = 4e15;          // the year 2096, counted from 1970
inline constexpr Time kLongestRun = 30 * 86400 * kSecond;  // from the first to the last

/// decisions.csv, one row for every request, in order of arrival.
class DecisionsFile {
 public:
  /// `ids`: of requests from a file, else nothing (then rows are numbered from 1). `start`: added
  /// to every time.
  DecisionsFile(
      sys::OutputFile file, const Setup& setup, const std::vector<std::string_view>* ids, Time start
  );

  void add(const Decision& decision);
  /// The file appears under its name; the error names it.
  base::Result<void> commit() { return file_.commit(); }

 private:
  void write(const Decision& decision);

  sys::OutputFile file_;
  const Setup* setup_;
  const std::vector<std::string_view>* ids_;
  Time start_;
  std::uint64_t written_ = 0;     // rows
  std::deque<Decision> waiting_;  // rows from written_ on; outcome may be missing
  std::deque<bool> known_;
};

/// report.json, see docs/simulator.md.
std::string report_json(const Setup& setup, const Measures& measures, Time first_arrival);

std::string node_id(const Setup& setup, std::uint32_t node);

}  // namespace fairlead::sim
