// SPDX-License-Identifier: BSD-3-Clause
// The table of commands and their arguments.
#include "control/api/request.hh"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "control/api/flow_answers.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/json_line.hh"

namespace fairlead::api {
namespace {

using Json = nlohmann::json;

enum Argument : unsigned {
  kVip = 1,
  kBackend = 2,
  kWeight = 4,
  kTuple = 8,
  kWorker = 16,
  kState = 32,
  kLimit = 64,
  kCursor = 128,
  kRate = 256,
  kText = 512,
  kName = 1024,
  kNote = 2048,
  kTrial = 4096,
  kRevision = 8192,
  kDeadline = 1 << 14,
  kThen = 1 << 15,
  kSwitch = 1 << 16,
};

struct Rule {
  std::string_view name;
  Command command;
  unsigned allowed;
  unsigned required;
  bool writes;
};

constexpr std::array<Rule, 36> kRules = {{
    {"show status", Command::kShowStatus, 0, 0, false},
    {"show version", Command::kShowVersion, 0, 0, false},
    {"show vip", Command::kShowVip, kVip, 0, false},
    {"show backend", Command::kShowBackend, kVip | kBackend, 0, false},
    {"show table", Command::kShowTable, kVip, kVip, false},
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
    {"show drop", Command::kShowDrop, 0, 0, false},
    {"show health", Command::kShowHealth, kVip | kBackend, 0, false},
    {"show memory", Command::kShowMemory, 0, 0, false},
    {"set backend", Command::kSetBackend, kVip | kBackend | kWeight, kBackend | kWeight, true},
    {"drain backend", Command::kDrainBackend, kVip | kBackend | kDeadline | kThen, kBackend, true},
    {"undrain backend", Command::kUndrainBackend, kVip | kBackend, kBackend, true},
    {"maint backend", Command::kMaintBackend, kVip | kBackend | kSwitch, kBackend | kSwitch, true},
    {"disable backend", Command::kDisableBackend, kVip | kBackend, kBackend, true},
    {"enable backend", Command::kEnableBackend, kVip | kBackend, kBackend, true},
    {"show drain", Command::kShowDrain, kVip | kBackend, 0, false},
    {"freeze weights", Command::kFreezeWeights, 0, 0, true},
    {"thaw weights", Command::kThawWeights, 0, 0, true},
    {"lookup", Command::kLookup, kTuple, kTuple, false},
    {"show config", Command::kShowConfig, 0, 0, true},  // holds the fleet's hash key
    {"show config running", Command::kShowConfig, 0, 0, true},
    {"show config pending", Command::kShowConfigPending, 0, 0, true},
    {"show config history", Command::kShowConfigHistory, 0, 0, false},
    {"config load", Command::kConfigLoad, kText | kName, kText, true},
    {"config diff", Command::kConfigDiff, 0, 0, false},
    {"config commit", Command::kConfigCommit, kTrial | kNote, 0, true},
    {"config confirm", Command::kConfigConfirm, 0, 0, true},
    {"config rollback", Command::kConfigRollback, kRevision | kNote, 0, true},
    {"config discard", Command::kConfigDiscard, 0, 0, true},
    {"config reload", Command::kConfigReload, 0, 0, true},
}};

constexpr std::array<std::pair<std::string_view, Argument>, 21> kArguments = {{
    {"worker", kWorker},     {"state", kState},
    {"limit", kLimit},       {"cursor", kCursor},
    {"rate", kRate},         {"text", kText},
    {"name", kName},         {"note", kNote},
    {"confirm_ms", kTrial},  {"deadline_ms", kDeadline},
    {"then", kThen},         {"switch", kSwitch},
    {"revision", kRevision}, {"vip", kVip},
    {"backend", kBackend},   {"weight", kWeight},
    {"protocol", kTuple},    {"src", kTuple},
    {"sport", kTuple},       {"dst", kTuple},
    {"dport", kTuple},
}};

base::Result<std::string> text_of(const Json& arguments, const std::string& key) {
  const Json& value = arguments.at(key);
  if (!value.is_string()) return base::invalid("argument '" + key + "' must be text");
  auto text = value.get<std::string>();
  if (text.empty() || text.size() > 128) {
    return base::invalid("argument '" + key + "' must have 1 to 128 characters");
  }
  return text;
}

base::Result<std::uint32_t> whole_of(
    const Json& arguments, const std::string& key, std::uint32_t least, std::uint32_t most
) {
  const Json& value = arguments.at(key);
  const bool good = value.is_number_unsigned() && value.get<std::uint64_t>() >= least &&
                    value.get<std::uint64_t>() <= most;
  if (!good) {
    return base::invalid(
        "argument '" + key + "' must be a whole number, " + std::to_string(least) + " to " +
        std::to_string(most)
    );
  }
  return value.get<std::uint32_t>();
}

base::Result<std::string> state_of(const Json& arguments) {
  FL_ASSIGN(std::string state, text_of(arguments, "state"));
  if (!state_named(state)) {
    return base::invalid(
        "argument 'state': " + base::quoted(state) +
        " is not a flow's state: new, confirmed, closing, reset, adopted"
    );
  }
  return state;
}

base::Result<std::uint64_t> cursor_of(const Json& arguments) {
  const Json& value = arguments.at("cursor");
  if (!value.is_number_unsigned()) {
    return base::invalid("argument 'cursor' must be the 'next' of the answer before");
  }
  return value.get<std::uint64_t>();
}

base::Result<net::IpAddr> address_of(const Json& arguments, const std::string& key) {
  FL_ASSIGN(const std::string text, text_of(arguments, key));
  const auto address = net::IpAddr::parse(text);
  if (!address)
    return base::invalid("argument '" + key + "': " + base::quoted(text) + " is not an address");
  return *address;
}

base::Result<net::FiveTuple> tuple_of(const Json& arguments) {
  for (const char* key : {"protocol", "src", "sport", "dst", "dport"}) {
    if (!arguments.contains(key)) {
      return base::invalid(
          "argument '" + std::string(key) + "' is missing, a tuple is protocol src sport dst dport"
      );
    }
  }
  FL_ASSIGN(const std::string protocol, text_of(arguments, "protocol"));
  if (protocol != "tcp" && protocol != "udp") {
    return base::invalid(
        "argument 'protocol': " + base::quoted(protocol) + " is neither tcp nor udp"
    );
  }
  FL_ASSIGN(const net::IpAddr source, address_of(arguments, "src"));
  FL_ASSIGN(const net::IpAddr destination, address_of(arguments, "dst"));
  if (source.family != destination.family) {
    return base::invalid("arguments 'src' and 'dst' must be of one family, IPv4 or IPv6");
  }
  FL_ASSIGN(const std::uint32_t sport, whole_of(arguments, "sport", 1, 65535));
  FL_ASSIGN(const std::uint32_t dport, whole_of(arguments, "dport", 1, 65535));
  return net::make_tuple(
      protocol == "tcp" ? net::IpProto::kTcp : net::IpProto::kUdp,
      source,
      static_cast<std::uint16_t>(sport),
      destination,
      static_cast<std::uint16_t>(dport)
  );
}

base::Result<std::string> configuration_of(const Json& arguments) {
  const Json& value = arguments.at("text");
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    return base::invalid("argument 'text' must be the text of a configuration");
  return value.get<std::string>();
}

base::Result<std::uint64_t> revision_of(const Json& arguments) {
  const Json& value = arguments.at("revision");
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0)
    return base::invalid("argument 'revision' must be a number as in show config history");
  return value.get<std::uint64_t>();
}

base::Result<std::string> word_of(
    const Json& arguments, const std::string& key, std::initializer_list<std::string_view> words
) {
  FL_ASSIGN(std::string word, text_of(arguments, key));
  if (std::find(words.begin(), words.end(), word) != words.end()) return word;
  std::string known;
  for (const std::string_view w : words) known += (known.empty() ? "" : ", ") + std::string(w);
  return base::invalid("argument '" + key + "': " + base::quoted(word) + " is none of " + known);
}

base::Result<bool> fill_hold(const Json& arguments, unsigned given, Request& request) {
  if ((given & kDeadline) != 0) {
    FL_ASSIGN(const std::uint64_t ms, whole_of(arguments, "deadline_ms", 1000, 604'800'000));
    request.deadline = ms * base::kMillisecond;
  }
  if ((given & kThen) != 0) {
    FL_ASSIGN(request.then, word_of(arguments, "then", {"keep", "reset", "remove"}));
  }
  if ((given & kSwitch) != 0) {
    FL_ASSIGN(const std::string word, word_of(arguments, "switch", {"on", "off"}));
    request.on = word == "on";
  }
  return true;
}

base::Result<bool> fill_change(const Json& arguments, unsigned given, Request& request) {
  if ((given & kText) != 0) {
    FL_ASSIGN(request.text, configuration_of(arguments));
  }
  if ((given & kName) != 0) {
    FL_ASSIGN(request.name, text_of(arguments, "name"));
  }
  if ((given & kNote) != 0) {
    FL_ASSIGN(request.note, text_of(arguments, "note"));
  }
  if ((given & kTrial) != 0) {
    FL_ASSIGN(const std::uint64_t ms, whole_of(arguments, "confirm_ms", 1000, 86'400'000));
    request.trial = ms * base::kMillisecond;
  }
  if ((given & kRevision) != 0) {
    FL_ASSIGN(request.revision, revision_of(arguments));
  }
  return true;
}

base::Result<unsigned> check_names(const Json& arguments, const Rule& rule) {
  unsigned given = 0;
  for (const auto& item : arguments.items()) {
    const auto known = std::find_if(kArguments.begin(), kArguments.end(), [&](const auto& a) {
      return a.first == item.key();
    });
    if (known == kArguments.end() || (rule.allowed & known->second) == 0) {
      return base::invalid(
          "'" + std::string(rule.name) + "' has no argument " + base::quoted(item.key()) +
          ", see docs/control-socket.md"
      );
    }
    given |= known->second;
  }
  for (const auto& [name, argument] : kArguments) {
    if ((rule.required & argument) != 0 && (given & argument) == 0) {
      return base::invalid(
          "'" + std::string(rule.name) + "' needs argument '" + std::string(name) + "'"
      );
    }
  }
  if ((given & kTuple) != 0 && (given & ~unsigned{kTuple}) != 0) {
    return base::invalid("a tuple stands alone, leave out vip, backend and worker");
  }
  return given;
}

base::Result<Request> fill(const Json& arguments, const Rule& rule) {
  FL_ASSIGN(const unsigned given, check_names(arguments, rule));
  Request request;
  request.command = rule.command;
  if ((given & kVip) != 0) {
    FL_ASSIGN(request.vip, text_of(arguments, "vip"));
  }
  if ((given & kBackend) != 0) {
    FL_ASSIGN(request.backend, text_of(arguments, "backend"));
  }
  if ((given & kWeight) != 0) {
    FL_ASSIGN(request.weight, whole_of(arguments, "weight", 0, 10'000));
  }
  if ((given & kWorker) != 0) {
    FL_ASSIGN(request.worker, whole_of(arguments, "worker", 0, FL_MAX_WORKERS - 1));
  }
  if ((given & kState) != 0) {
    FL_ASSIGN(request.state, state_of(arguments));
  }
  if ((given & kLimit) != 0) {
    FL_ASSIGN(request.limit, whole_of(arguments, "limit", 1, 1000));
  }
  if ((given & kCursor) != 0) {
    FL_ASSIGN(request.cursor, cursor_of(arguments));
  }
  if ((given & kRate) != 0) {
    FL_ASSIGN(request.rate, whole_of(arguments, "rate", 1, 1'000'000'000));
  }
  FL_TRY(fill_change(arguments, given, request));
  FL_TRY(fill_hold(arguments, given, request));
  if ((given & kTuple) != 0) {
    FL_ASSIGN(request.tuple, tuple_of(arguments));
  }
  return request;
}

}  // namespace

bool writes(Command command) {
  return std::any_of(kRules.begin(), kRules.end(), [command](const Rule& r) {
    return r.command == command && r.writes;
  });
}

base::Result<Request> parse_request(std::string_view line) {
  FL_ASSIGN(const Json root, sys::parse_json_object(line));
  for (const auto& item : root.items()) {
    if (item.key() != "command" && item.key() != "arguments") {
      return base::invalid(
          "unknown key " + base::quoted(item.key()) + ", known: command, arguments"
      );
    }
  }
  const auto command = root.find("command");
  if (command == root.end() || !command->is_string()) {
    return base::invalid("'command' is missing or not text, send {\"command\":\"show status\"}");
  }
  const auto arguments = root.find("arguments");
  if (arguments != root.end() && !arguments->is_object()) {
    return base::invalid("'arguments' must be an object, as in {\"vip\":\"web\"}");
  }
  const auto name = command->get<std::string>();
  const auto rule =
      std::find_if(kRules.begin(), kRules.end(), [&](const Rule& r) { return r.name == name; });
  if (rule == kRules.end()) {
    return base::invalid("unknown command " + base::quoted(name) + ", see docs/control-socket.md");
  }
  return fill(arguments == root.end() ? Json::object() : *arguments, *rule);
}

std::string ok_reply(nlohmann::json result) {
  Json reply;
  reply["ok"] = true;
  reply["result"] = std::move(result);
  return reply.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string error_reply(const base::Error& error) {
  Json reply;
  reply["ok"] = false;
  reply["code"] = base::to_string(error.code);
  reply["message"] = error.what;
  return reply.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace fairlead::api
