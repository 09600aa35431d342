// SPDX-License-Identifier: BSD-3-Clause
// What became of each request: one CSV row each, and the figures of the last second.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <string>

namespace fairlead::lab {

enum class Outcome : std::uint8_t { kOk, kRejected, kFailed };

struct Record {
  std::string request_id;
  std::int64_t arrival_us = 0;  // CLOCK_REALTIME; when the schedule wanted it
  std::string src_ip;
  std::uint16_t src_port = 0;
  std::string backend;        // X-Backend; empty: no answer
  std::int64_t start_us = 0;  // X-Start-Us; 0: none
  std::int64_t completion_us = 0;
  Outcome outcome = Outcome::kFailed;
  std::string error;  // why it is not ok: timeout, refused, reset, ...
};

/// Single thread. Columns: request_id,arrival_us,src_ip,src_port,backend,start_us,completion_us,
/// outcome,error. Rows are in order of completion; start_us is empty where no answer came.
class RequestLog {
 public:
  explicit RequestLog(std::FILE* csv);
  void add(const Record& record);
  /// One JSON line: totals and the figures of the second before `now_us`.
  [[nodiscard]] std::string status(
      std::int64_t now_us, std::uint64_t sent, std::uint64_t in_flight, std::int64_t shifted_us
  );
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  struct Recent {
    std::int64_t completion_us;
    std::int64_t latency_us;
    std::string backend;
  };

  std::FILE* csv_;
  std::uint64_t ok_ = 0;
  std::uint64_t rejected_ = 0;
  std::uint64_t failed_ = 0;
  std::deque<Recent> recent_;
};

}  // namespace fairlead::lab
