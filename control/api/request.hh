// SPDX-License-Identifier: BSD-3-Clause
// One line of the control socket's protocol as typed values (docs/control-socket.md). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "dataplane/net/five_tuple.hh"

namespace fairlead::api {

enum class Command : std::uint8_t {
  kShowStatus,
  kShowVersion,
  kShowVip,
  kShowBackend,
  kShowTable,
  kShowTableDiff,
  kShowFlow,
  kShowFlowList,
  kShowFlowStats,
  kShowStats,
  kShowDrop,
  kShowHealth,
  kShowMemory,
  kShowUpdate,
  kSetBackend,
  kDrainBackend,
  kUndrainBackend,
  kMaintBackend,
  kSetHealth,
  kReportLoad,
  kDisableBackend,
  kEnableBackend,
  kDisableVip,
  kEnableVip,
  kShowDrain,
  kFreezeWeights,
  kThawWeights,
  kLookup,
  kSetLog,
  kShowEvents,
  kClearFlow,
  kClearStats,
  kFlushFlow,
  kShowConfig,
  kShowConfigPending,
  kShowConfigHistory,
  kConfigLoad,
  kConfigEdit,
  kConfigDiff,
  kConfigCommit,
  kConfigConfirm,
  kConfigRollback,
  kConfigDiscard,
  kConfigReload,
  kConfigShare,
  kShowNodes,
  kShowDigest,
  kAnnounceNode,
  kWithdrawNode,
  kLeaveNode,
};

/// True for commands that change something or tell a secret: root and the daemon's own user only.
bool writes(Command command);

struct Request {
  Command command = Command::kShowStatus;
  std::optional<std::string> vip;
  std::optional<std::string> backend;
  std::optional<std::uint32_t> weight;    // 0..10000
  std::optional<base::Nanoseconds> ramp;  // of a weight, 1 s to 24 h
  std::optional<net::FiveTuple> tuple;
  std::optional<unsigned> worker;      // 0 .. FL_MAX_WORKERS - 1
  std::optional<std::string> state;    // of a flow
  std::optional<std::uint32_t> limit;  // entries in one answer, 1..1000
  std::optional<std::uint64_t> cursor;
  std::optional<std::uint32_t> rate;              // flows a second, from 1
  std::optional<base::Nanoseconds> deadline;      // of a drain, 1 s to 7 days
  std::optional<base::Nanoseconds> udp_deadline;  // of UDP vips, in place of it
  std::optional<std::string> then;                // "keep", "reset", "remove"
  std::optional<std::string> health;              // "up", "down", "auto"
  std::optional<base::Nanoseconds> lasting;       // of a health order, 1 s to 7 days
  std::optional<nlohmann::json> reports;          // a list
  std::optional<std::string> module;              // of a log level
  std::optional<bool> on;
  std::optional<std::string> level;    // of the log: "error", "warn", "info", "debug"
  std::optional<std::uint64_t> after;  // number of the last event that is known
  std::optional<std::string> kind;     // of events
  std::optional<std::string> text;     // a whole configuration
  std::optional<std::string> name;     // of the file it came from
  std::optional<std::string> note;
  std::optional<std::string> edit;                          // "add", "set", "delete"
  std::optional<std::string> section;                       // "rails", in place of vip and backend
  std::vector<std::pair<std::string, std::string>> values;  // of an edit: keys and values
  std::optional<std::string> pending_digest;  // what must be pending, as the asker saw it; "none"
  std::optional<base::Nanoseconds> trial;     // until a commit must be confirmed, 1 s to 24 h
  std::optional<std::uint64_t> revision;      // from 1
};

/// The question by method and arguments. Errors: as parse_request's.
base::Result<Request> make_request(std::string_view method, const nlohmann::json& arguments);

/// Refuses, with one line: what is no JSON object, unknown commands (with the nearest known) and
/// arguments, wrong types, values out of range, missing and contradictory arguments.
base::Result<Request> parse_request(std::string_view line);

/// Replies without the line break.
std::string ok_reply(nlohmann::json result);
std::string error_reply(const base::Error& error);

}  // namespace fairlead::api
