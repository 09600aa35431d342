// SPDX-License-Identifier: BSD-3-Clause
// JSON to reports.
#include "control/push_reports.hh"

#include <map>

#include "dataplane/base/printable.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

using monitor::LoadReport;

constexpr std::size_t kMostRefusalsTold = 100;

struct RealField {
  const char* name;
  double LoadReport::*field;
};
constexpr RealField kReal[] = {
    {"cpu", &LoadReport::cpu},
    {"memory", &LoadReport::memory},
    {"application", &LoadReport::application},
    {"requests_per_second", &LoadReport::requests_per_second},
    {"errors_per_second", &LoadReport::errors_per_second},
    {"active", &LoadReport::active},
    {"capacity", &LoadReport::capacity},
    {"latency_us", &LoadReport::latency_us},
};
struct WholeField {
  const char* name;
  std::uint64_t LoadReport::*field;
};
constexpr WholeField kWhole[] = {
    {"sequence", &LoadReport::sequence},
    {"timestamp_us", &LoadReport::timestamp_us},
    {"completed", &LoadReport::completed},
    {"period_us", &LoadReport::period_us},
};

base::Result<bool> take_field(const std::string& name, const Json& value, LoadReport& report) {
  for (const RealField& f : kReal) {
    if (name != f.name) continue;
    if (!value.is_number()) return base::invalid("'" + name + "' must be a number");
    report.*f.field = value.get<double>();
    return true;
  }
  for (const WholeField& f : kWhole) {
    if (name != f.name) continue;
    if (!value.is_number_unsigned()) return base::invalid("'" + name + "' must be a whole number");
    report.*f.field = value.get<std::uint64_t>();
    return true;
  }
  if (name != "backend") return base::invalid("unknown field " + base::quoted(name));
  if (!value.is_string()) return base::invalid("'backend' must be text");
  report.backend_id = value.get<std::string>();
  return true;
}

base::Result<LoadReport> report_of(const Json& row, std::uint64_t wall_us) {
  if (!row.is_object()) return base::invalid("is no object");
  LoadReport report;
  report.origin = monitor::Origin::kPush;
  report.timestamp_us = wall_us;
  report.period_us = 1'000'000;
  for (const auto& [name, value] : row.items()) FL_TRY(take_field(name, value, report));
  if (!row.contains("cpu")) report.untold |= monitor::kCpuUntold;
  if (!row.contains("memory")) report.untold |= monitor::kMemoryUntold;
  if (!row.contains("active")) report.untold |= monitor::kActiveUntold;
  if (report.backend_id.empty()) return base::invalid("'backend' is missing");
  return report;
}

}  // namespace

Answer push_reports(
    Node& node, const api::Request& request, base::Nanoseconds now, std::uint64_t wall_us
) {
  std::vector<LoadReport> reports;
  for (const Json& row : *request.reports) {
    auto report = report_of(row, wall_us);
    if (!report)
      return base::invalid(
          "reports[" + std::to_string(reports.size()) + "]: " + report.error().what
      );
    // Who does not count is counted for.
    if (report->sequence == 0) report->sequence = node.intake.next_sequence(report->backend_id);
    reports.push_back(std::move(*report));
  }
  std::size_t accepted = 0;
  Json refused = Json::array();
  for (const LoadReport& report : reports) {
    const auto refusal = node.intake.accept(report, now, wall_us);
    if (refusal == monitor::Refusal::kNone) {
      ++accepted;
      continue;
    }
    sys::log_debug(
        "report refused backend=" + report.backend_id +
        " reason=" + std::string(to_string(refusal)) + " origin=push"
    );
    if (refused.size() < kMostRefusalsTold) {
      refused.push_back({{"backend", report.backend_id}, {"reason", to_string(refusal)}});
    }
  }
  return Json{
      {"accepted", accepted}, {"refused_total", reports.size() - accepted}, {"refused", refused}};
}

}  // namespace fairlead::control
