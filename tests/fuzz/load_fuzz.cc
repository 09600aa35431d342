// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as an agent-check line, as a Prometheus page and as a report: read or refused with one
// line, and what the intake believes is finite, in range and not negative.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "control/monitor/intake.hh"
#include "control/monitor/load_text.hh"
#include "dataplane/base/check.hh"

namespace fairlead::monitor {
namespace {

constexpr std::uint64_t kWall = 1'700'000'000'000'000;

void believe(Intake& intake, LoadReport report) {
  report.backend_id = "b1";
  if (intake.accept(report, base::kSecond, kWall) != Refusal::kNone) return;
  const auto m = intake.peek("b1");
  FL_CHECK(m.has_value());
  for (const double value :
       {m->cpu,
        m->memory,
        m->application,
        m->requests_per_second,
        m->errors_per_second,
        m->active,
        m->latency_us})
    FL_CHECK(std::isfinite(value) && value >= 0 && value <= 3.6e9);
  FL_CHECK(m->cpu <= 64 && m->memory <= 1.5 && m->period > 0);
}

// Reports from raw bytes: every field can be anything.
void reports(const std::string& bytes) {
  Intake intake;
  intake.set_backends({"b1"});
  constexpr std::size_t kFields = 12;
  for (std::size_t at = 0; at + kFields * 8 <= bytes.size(); at += kFields * 8) {
    double value[8];
    std::uint64_t number[4];
    std::memcpy(value, bytes.data() + at, sizeof value);
    std::memcpy(number, bytes.data() + at + sizeof value, sizeof number);
    LoadReport r;
    r.cpu = value[0];
    r.memory = value[1];
    r.application = value[2];
    r.requests_per_second = value[3];
    r.errors_per_second = value[4];
    r.active = value[5];
    r.capacity = value[6];
    r.latency_us = value[7];
    r.sequence = number[0];
    r.timestamp_us = number[1] % 2 == 0 ? kWall : number[1];
    r.completed = number[2];
    r.period_us = number[3];
    believe(intake, r);
  }
}

void run(const std::string& text) {
  if (const auto said = parse_agent_check(text); said) {
    FL_CHECK(!said->share || (*said->share >= 0 && *said->share <= 10));
  } else {
    FL_CHECK(said.error().what.find('\n') == std::string::npos);
  }
  const model::ScrapeNames names{"a", "b", "c", "d"};
  const auto half = text.size() / 2;
  const auto before = read_scrape(std::string_view(text).substr(0, half), names);
  const auto now = read_scrape(std::string_view(text).substr(half), names);
  if (!now) FL_CHECK(now.error().what.find('\n') == std::string::npos);
  if (before && now) {
    Intake intake;
    intake.set_backends({"b1"});
    LoadReport report = between(*before, *now, base::kSecond);
    report.sequence = 1;
    report.timestamp_us = kWall;
    believe(intake, report);
  }
  reports(text);
}

}  // namespace
}  // namespace fairlead::monitor

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fairlead::monitor::run(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
