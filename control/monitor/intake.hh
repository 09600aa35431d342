// SPDX-License-Identifier: BSD-3-Clause
// Which load reports are believed, and what they say together. Pure: time is a parameter.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/clock.hh"

namespace fairlead::monitor {

/// Who brought a report. X(enumerator, name in metrics and answers).
#define FL_REPORT_ORIGINS(X)                                              \
  X(kAgent, "agent")            /* its agent's stream */                  \
  X(kOrca, "orca")              /* its service's ORCA stream */           \
  X(kPrometheus, "prometheus")  /* a page of metrics that control read */ \
  X(kAgentCheck, "agent-check") /* HAProxy's protocol */                  \
  X(kPush, "push")              /* report load on the control socket */

enum class Origin : std::uint8_t {
#define FL_ORIGIN_ENUM(e, n) e,
  FL_REPORT_ORIGINS(FL_ORIGIN_ENUM)
#undef FL_ORIGIN_ENUM
      kCount
};
std::string_view to_string(Origin origin);
inline constexpr std::size_t kOrigins = static_cast<std::size_t>(Origin::kCount);

/// What a report's source does not measure; bits of LoadReport::untold. Its 0 is then no
/// measurement.
inline constexpr std::uint32_t kCpuUntold = 1;
inline constexpr std::uint32_t kMemoryUntold = 2;
inline constexpr std::uint32_t kActiveUntold = 4;

/// A load report as it came; fields and units: control/api/fairlead.proto.
struct LoadReport {
  Origin origin = Origin::kAgent;
  std::string backend_id;
  std::uint64_t sequence = 0;
  std::uint64_t timestamp_us = 0;  // since 1970, the sender's clock
  double cpu = 0;
  double memory = 0;
  double application = 0;
  double requests_per_second = 0;
  double errors_per_second = 0;
  double active = 0;
  double capacity = 0;
  double latency_us = 0;
  std::uint64_t completed = 0;
  std::uint64_t period_us = 0;
  std::map<std::string, std::uint64_t> tunnel;  // empty: not said this time
  std::uint32_t untold = 0;
};

/// Why a report is not believed. X(enumerator, name in metrics).
#define FL_INTAKE_REFUSALS(X)                                                                \
  X(kNone, "none")                                                                           \
  X(kMalformed, "malformed") /* bytes that are no LoadReport: wrong types, cut, no UTF-8 */  \
  X(kUnknownBackend, "unknown_backend")                                                      \
  X(kNotFinite, "not_finite") /* NaN or infinity in any field */                             \
  X(kNegative, "negative")                                                                   \
  X(kOutOfRange, "out_of_range")    /* cpu above 64, latency above an hour, ... */           \
  X(kNoPeriod, "no_period")         /* period 0 or above an hour */                          \
  X(kStale, "stale")                /* measured more than 3 periods (at least 3 s) ago */    \
  X(kFromFuture, "from_future")     /* measured more than 5 s after now */                   \
  X(kDuplicate, "duplicate")        /* the sequence number of the last report again */       \
  X(kSequenceBack, "sequence_back") /* lower, and not 1 (restart); believed when it rises */ \
  X(kCounterBack, "counter_back")   /* completed fell without a restart */                   \
  X(kJump, "jump")                  /* 32 times the usual; believed when it stays */

enum class Refusal : std::uint8_t {
#define FL_REFUSAL_ENUM(e, n) e,
  FL_INTAKE_REFUSALS(FL_REFUSAL_ENUM)
#undef FL_REFUSAL_ENUM
      kCount
};
std::string_view to_string(Refusal refusal);
inline constexpr std::size_t kRefusals = static_cast<std::size_t>(Refusal::kCount);

/// A believed report and when it came.
struct Received {
  LoadReport report;
  base::Nanoseconds at = 0;
};

/// What the reports since the last take_reports() say: means weighted by their periods, the last
/// counters. For show and metrics; policies get the reports themselves.
struct Measurement {
  base::Nanoseconds received_ns = 0;  // of the last report
  std::uint64_t sequence = 0;
  double cpu = 0;
  double memory = 0;
  double application = 0;
  double requests_per_second = 0;
  double errors_per_second = 0;
  double active = 0;
  double latency_us = 0;  // mean over requests; 0: nobody told
  std::uint32_t capacity = 0;
  std::uint32_t untold = 0;  // by no report of the window
  std::uint64_t completed = 0;
  base::Nanoseconds period = 0;  // covered by the reports
};

/// Not thread-safe; control's state lock protects it.
class Intake {
 public:
  /// The backends that may report; others are refused. Known ones keep what they said.
  void set_backends(const std::vector<std::string>& ids);

  /// Believes a report or says why not. `now`: monotonic; `wall_us`: microseconds since 1970.
  Refusal accept(const LoadReport& report, base::Nanoseconds now, std::uint64_t wall_us);

  /// Counts what came in place of a report.
  void count_malformed() { ++refused_[static_cast<std::size_t>(Refusal::kMalformed)]; }

  /// The backend asked to be drained. False: unknown. A report that begins a new sequence (the
  /// agent was started again) takes it back.
  bool leave(const std::string& id);
  /// An operator takes the leave back. False: it had not left.
  bool come_back(const std::string& id);
  [[nodiscard]] bool has_left(const std::string& id) const;
  /// After a restart of control: what was persisted.
  void restore_left(const std::string& id) { (void)leave(id); }

  /// The reports since the last call, oldest first (at most kMostRecent; older ones fell out), and
  /// begins a new window.
  std::vector<Received> take_reports(const std::string& id);
  static constexpr std::size_t kMostRecent = 128;
  /// The window so far, or the last one while the new one is empty. Null: never reported.
  [[nodiscard]] std::optional<Measurement> peek(const std::string& id) const;

  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }
  [[nodiscard]] const std::array<std::uint64_t, kRefusals>& refused() const { return refused_; }
  /// Requests and errors in all believed reports of a backend.
  struct Totals {
    double requests = 0;
    double errors = 0;
  };
  [[nodiscard]] Totals totals(const std::string& id) const;
  /// Packets that a backend's agent saw, by counter, as said last; empty: never.
  [[nodiscard]] std::map<std::string, std::uint64_t> tunnel(const std::string& id) const;
  /// How one origin of a backend's reports fares.
  struct OriginHealth {
    Origin origin = Origin::kAgent;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    Refusal last_refusal = Refusal::kNone;
    base::Nanoseconds heard_ns = 0;  // the last believed one; 0: none
  };
  /// Those that ever reported.
  [[nodiscard]] std::vector<OriginHealth> origins(const std::string& id) const;
  /// For pushes that are not numbered.
  [[nodiscard]] std::uint64_t next_sequence(const std::string& id) const;
  /// Backends heard within `age` before now.
  [[nodiscard]] std::size_t reporting(base::Nanoseconds now, base::Nanoseconds age) const;
  /// Whether a leave or return happened since the last call.
  bool take_membership_change();

 private:
  struct Source {
    bool heard = false;
    bool left = false;
    bool fresh_window = true;  // the next report begins a new one
    Measurement window;
    Totals totals;
    // Each origin counts for itself.
    struct Line {
      OriginHealth health;
      std::uint64_t sequence = 0;
      std::uint64_t completed = 0;
    };
    std::array<Line, kOrigins> lines;
    std::vector<Received> recent;
    std::map<std::string, std::uint64_t> tunnel;
    double usual_latency = 0;  // slow averages, for jumps
    double usual_active = 0;
    unsigned jumps = 0;                   // in a row
    unsigned backward = 0;                // lower sequence numbers that rose, in a row
    std::uint64_t backward_sequence = 0;  // the last of them
  };

  Refusal judge(const LoadReport& r, Source*& source, std::uint64_t wall_us);
  static bool starts_again(const LoadReport& r, Source& source);
  static bool jumps(const LoadReport& r, Source& source);
  static void fold(const LoadReport& r, Source& source, base::Nanoseconds now);

  std::map<std::string, Source> sources_;
  std::uint64_t accepted_ = 0;
  std::array<std::uint64_t, kRefusals> refused_{};
  bool membership_changed_ = false;
};

}  // namespace fairlead::monitor
