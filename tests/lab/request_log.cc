// SPDX-License-Identifier: BSD-3-Clause
#include "tests/lab/request_log.hh"

#include <algorithm>
#include <cinttypes>
#include <vector>

namespace fairlead::lab {
namespace {

constexpr std::int64_t kWindowUs = 1'000'000;

const char* text(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kFailed:
      return "failed";
  }
  return "failed";
}

/// Nearest-rank percentile of sorted values; 0 for none.
std::int64_t percentile(const std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

}  // namespace

RequestLog::RequestLog(std::FILE* csv) : csv_(csv) {
  std::fputs(
      "request_id,arrival_us,src_ip,src_port,backend,start_us,completion_us,outcome,error\n", csv_
  );
}

void RequestLog::add(const Record& r) {
  const std::string start = r.start_us == 0 ? "" : std::to_string(r.start_us);
  std::fprintf(
      csv_,
      "%s,%" PRId64 ",%s,%u,%s,%s,%" PRId64 ",%s,%s\n",
      r.request_id.c_str(),
      r.arrival_us,
      r.src_ip.c_str(),
      static_cast<unsigned>(r.src_port),
      r.backend.c_str(),
      start.c_str(),
      r.completion_us,
      text(r.outcome),
      r.error.c_str()
  );
  ok_ += r.outcome == Outcome::kOk ? 1 : 0;
  rejected_ += r.outcome == Outcome::kRejected ? 1 : 0;
  failed_ += r.outcome == Outcome::kFailed ? 1 : 0;
  if (r.outcome == Outcome::kOk) {
    recent_.push_back({r.completion_us, r.completion_us - r.arrival_us, r.backend});
  }
}

std::string RequestLog::status(
    std::int64_t now_us, std::uint64_t sent, std::uint64_t in_flight, std::int64_t shifted_us
) {
  while (!recent_.empty() && recent_.front().completion_us < now_us - kWindowUs) {
    recent_.pop_front();
  }
  std::vector<std::int64_t> latencies;
  std::map<std::string, unsigned> backends;
  latencies.reserve(recent_.size());
  for (const Recent& r : recent_) {
    latencies.push_back(r.latency_us);
    ++backends[r.backend];
  }
  std::sort(latencies.begin(), latencies.end());
  char head[400];
  std::snprintf(
      head,
      sizeof head,
      "{\"now_us\":%" PRId64 ",\"sent\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"rejected\":%" PRIu64
      ",\"failed\":%" PRIu64 ",\"in_flight\":%" PRIu64 ",\"shifted_us\":%" PRId64
      ",\"rps\":%zu,\"p50_us\":%" PRId64 ",\"p95_us\":%" PRId64 ",\"p99_us\":%" PRId64
      ",\"backends\":{",
      now_us,
      sent,
      ok_,
      rejected_,
      failed_,
      in_flight,
      shifted_us,
      latencies.size(),
      percentile(latencies, 0.50),
      percentile(latencies, 0.95),
      percentile(latencies, 0.99)
  );
  std::string line = head;
  const char* separator = "";
  for (const auto& [backend, count] : backends) {
    line.append(separator).append("\"").append(backend).append("\":").append(std::to_string(count));
    separator = ",";
  }
  return line + "}}";
}

}  // namespace fairlead::lab
