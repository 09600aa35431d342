// SPDX-License-Identifier: BSD-3-Clause
// The table itself.
#include "control/api/methods.hh"

#include <algorithm>

namespace fairlead::api {
namespace {

constexpr Method kMethods[] = {
    {"show status", Command::kShowStatus, 0, 0, false},
    {"show version", Command::kShowVersion, 0, 0, false},
    {"show vip", Command::kShowVip, kVip, 0, false},
    {"show backend", Command::kShowBackend, kVip | kBackend, 0, false},
    {"show table", Command::kShowTable, kVip, kVip, false},
    {"show table diff", Command::kShowTableDiff, kVip, kVip, false},
    {"show flow", Command::kShowFlow, kVip | kBackend | kWorker | kTuple, 0, false},
    {"show flow tuple", Command::kShowFlow, kTuple, kTuple, false},
    {"show flow list",
     Command::kShowFlowList,
     kVip | kBackend | kWorker | kState | kLimit | kCursor,
     0,
     false},
    {"show flow stats", Command::kShowFlowStats, kWorker, 0, false},
    {"clear flow tuple", Command::kClearFlow, kTuple, kTuple, true},
    {"flush flow", Command::kFlushFlow, kVip | kBackend | kRate, 0, true},
    {"show stats", Command::kShowStats, kVip | kWorker, 0, false},
    {"clear stats", Command::kClearStats, kVip | kBackend, 0, true},
    {"show drop", Command::kShowDrop, 0, 0, false},
    {"show health", Command::kShowHealth, kVip | kBackend, 0, false},
    {"show events", Command::kShowEvents, kAfter | kKind | kLimit, 0, false},
    {"show memory", Command::kShowMemory, 0, 0, false},
    {"show update", Command::kShowUpdate, 0, 0, false},
    {"set backend",
     Command::kSetBackend,
     kVip | kBackend | kWeight | kRamp,
     kBackend | kWeight,
     true},
    {"set health backend",
     Command::kSetHealth,
     kVip | kBackend | kHealth | kLasting,
     kBackend | kHealth,
     true},
    {"drain backend",
     Command::kDrainBackend,
     kVip | kBackend | kDeadline | kUdpDeadline | kThen,
     kBackend,
     true},
    {"undrain backend", Command::kUndrainBackend, kVip | kBackend, kBackend, true},
    {"maint backend",
     Command::kMaintBackend,
     kVip | kBackend | kSwitch | kLasting,
     kBackend | kSwitch,
     true},
    {"disable backend", Command::kDisableBackend, kVip | kBackend, kBackend, true},
    {"enable backend", Command::kEnableBackend, kVip | kBackend, kBackend, true},
    {"disable vip", Command::kDisableVip, kVip, kVip, true},
    {"enable vip", Command::kEnableVip, kVip, kVip, true},
    {"show drain", Command::kShowDrain, kVip | kBackend, 0, false},
    {"freeze weights", Command::kFreezeWeights, 0, 0, true},
    {"thaw weights", Command::kThawWeights, 0, 0, true},
    {"set log", Command::kSetLog, kLevel | kModule, kLevel, true},
    {"report load", Command::kReportLoad, kReports, kReports, true},
    {"lookup", Command::kLookup, kTuple, kTuple, false},
    {"show config", Command::kShowConfig, 0, 0, true},  // holds the fleet's hash key
    {"show config running", Command::kShowConfig, 0, 0, true},
    {"show config pending", Command::kShowConfigPending, 0, 0, true},
    {"show config history", Command::kShowConfigHistory, 0, 0, false},
    {"config load", Command::kConfigLoad, kText | kName | kPending, kText, true},
    {"config edit",
     Command::kConfigEdit,
     kEdit | kVip | kBackend | kValues | kPending | kSection,
     kEdit,
     true},
    {"config diff", Command::kConfigDiff, 0, 0, false},
    {"config commit", Command::kConfigCommit, kTrial | kNote | kPending, 0, true},
    {"config confirm", Command::kConfigConfirm, 0, 0, true},
    {"config rollback", Command::kConfigRollback, kRevision | kNote, 0, true},
    {"config discard", Command::kConfigDiscard, 0, 0, true},
    {"config reload", Command::kConfigReload, 0, 0, true},
    {"config share", Command::kConfigShare, kNote, 0, true},
    {"show fleet", Command::kShowNodes, 0, 0, false},
    {"show digest", Command::kShowDigest, 0, 0, false},
    {"announce node", Command::kAnnounceNode, 0, 0, true},
    {"withdraw node", Command::kWithdrawNode, 0, 0, true},
    {"retire node", Command::kLeaveNode, kDeadline, 0, true},
};

constexpr ArgumentName kArguments[] = {
    {"worker", kWorker},
    {"state", kState},
    {"limit", kLimit},
    {"cursor", kCursor},
    {"rate", kRate},
    {"text", kText},
    {"name", kName},
    {"note", kNote},
    {"confirm_ms", kTrial},
    {"deadline_ms", kDeadline},
    {"then", kThen},
    {"switch", kSwitch},
    {"revision", kRevision},
    {"vip", kVip},
    {"backend", kBackend},
    {"weight", kWeight},
    {"protocol", kTuple},
    {"src", kTuple},
    {"sport", kTuple},
    {"dst", kTuple},
    {"dport", kTuple},
    {"level", kLevel},
    {"after", kAfter},
    {"kind", kKind},
    {"health", kHealth},
    {"for_ms", kLasting},
    {"reports", kReports},
    {"module", kModule},
    {"edit", kEdit},
    {"values", kValues},
    {"ramp_ms", kRamp},
    {"udp_deadline_ms", kUdpDeadline},
    {"pending_digest", kPending},
    {"section", kSection},
};

}  // namespace

std::span<const Method> methods() {
  return kMethods;
}

std::span<const ArgumentName> argument_names() {
  return kArguments;
}

const Method* find_method(std::string_view name) {
  const auto* found = std::find_if(std::begin(kMethods), std::end(kMethods), [&](const Method& m) {
    return m.name == name;
  });
  return found == std::end(kMethods) ? nullptr : found;
}

bool writes(Command command) {
  return std::any_of(std::begin(kMethods), std::end(kMethods), [command](const Method& m) {
    return m.command == command && m.writes;
  });
}

}  // namespace fairlead::api
