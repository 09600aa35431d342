// SPDX-License-Identifier: BSD-3-Clause
// Checks of arguments.
#include "control/api/request.hh"

#include <algorithm>
#include <utility>

#include "control/api/flow_answers.hh"
#include "control/api/methods.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/json_line.hh"

namespace fairlead::api {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostValues = 64;

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
  if ((given & kUdpDeadline) != 0) {
    FL_ASSIGN(const std::uint64_t ms, whole_of(arguments, "udp_deadline_ms", 1000, 604'800'000));
    request.udp_deadline = ms * base::kMillisecond;
  }
  if ((given & kThen) != 0) {
    FL_ASSIGN(request.then, word_of(arguments, "then", {"keep", "reset", "remove"}));
  }
  if ((given & kAfter) != 0) {
    if (!arguments.at("after").is_number_unsigned())
      return base::invalid("argument 'after' must be the number of an event, as in show events");
    request.after = arguments.at("after").get<std::uint64_t>();
  }
  if ((given & kKind) != 0) {
    FL_ASSIGN(
        request.kind,
        word_of(
            arguments,
            "kind",
            {"health", "drain", "weights", "config", "generation", "dataplane", "agent"}
        )
    );
  }
  if ((given & kLevel) != 0) {
    FL_ASSIGN(
        request.level, word_of(arguments, "level", {"error", "warn", "info", "debug", "default"})
    );
  }
  if ((given & kHealth) != 0) {
    FL_ASSIGN(request.health, word_of(arguments, "health", {"up", "down", "auto"}));
  }
  if ((given & kModule) != 0) {
    FL_ASSIGN(request.module, text_of(arguments, "module"));
  }
  if ((given & kReports) != 0) {
    request.reports = arguments.at("reports");
    if (!request.reports->is_array())
      return base::invalid("argument 'reports' must be a list of objects");
  }
  if ((given & kLasting) != 0) {
    FL_ASSIGN(const std::uint64_t ms, whole_of(arguments, "for_ms", 1000, 604'800'000));
    request.lasting = ms * base::kMillisecond;
  }
  if ((given & kSwitch) != 0) {
    FL_ASSIGN(const std::string word, word_of(arguments, "switch", {"on", "off"}));
    request.on = word == "on";
  }
  return true;
}

/// [{"key": "weight", "value": "50"}, ...]
base::Result<std::vector<std::pair<std::string, std::string>>> values_of(const Json& arguments) {
  const Json& list = arguments.at("values");
  std::vector<std::pair<std::string, std::string>> out;
  for (const Json& item : list) {
    const bool good = list.is_array() && item.is_object() && item.size() == 2 &&
                      item.contains("key") && item.contains("value") && item["key"].is_string() &&
                      item["value"].is_string();
    if (!good || out.size() == kMostValues) break;
    out.emplace_back(item["key"], item["value"]);
  }
  if (!out.empty() && out.size() == list.size()) return out;
  return base::invalid(
      "argument 'values' must be a list of 1 to 64, as [{\"key\":\"weight\",\"value\":\"50\"}]"
  );
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
  if ((given & kEdit) != 0) {
    FL_ASSIGN(request.edit, word_of(arguments, "edit", {"add", "set", "delete"}));
  }
  if ((given & kSection) != 0) {
    FL_ASSIGN(request.section, word_of(arguments, "section", {"rails"}));
  }
  if ((given & kValues) != 0) {
    FL_ASSIGN(request.values, values_of(arguments));
  }
  if ((given & kPending) != 0) {
    FL_ASSIGN(request.pending_digest, text_of(arguments, "pending_digest"));
  }
  if ((given & kRevision) != 0) {
    FL_ASSIGN(request.revision, revision_of(arguments));
  }
  return true;
}

base::Result<unsigned> check_names(const Json& arguments, const Method& rule) {
  unsigned given = 0;
  for (const auto& item : arguments.items()) {
    const auto known =
        std::find_if(argument_names().begin(), argument_names().end(), [&](const auto& a) {
          return a.name == item.key();
        });
    if (known == argument_names().end() || (rule.allowed & known->argument) == 0) {
      return base::invalid(
          "'" + std::string(rule.name) + "' has no argument " + base::quoted(item.key()) +
          ", see docs/control-socket.md"
      );
    }
    given |= known->argument;
  }
  for (const auto& [name, argument] : argument_names()) {
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

base::Result<Request> fill(const Json& arguments, const Method& rule) {
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
  if ((given & kRamp) != 0) {
    FL_ASSIGN(const std::uint64_t ms, whole_of(arguments, "ramp_ms", 1000, 86'400'000));
    request.ramp = ms * base::kMillisecond;
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

base::Result<Request> make_request(std::string_view method, const Json& arguments) {
  const Method* rule = find_method(method);
  if (rule == nullptr) {
    return base::invalid(
        "unknown command " + base::quoted(method) + ", see docs/control-socket.md"
    );
  }
  if (!arguments.is_object())
    return base::invalid("'arguments' must be an object, as in {\"vip\":\"web\"}");
  return fill(arguments, *rule);
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
  return make_request(
      command->get_ref<const std::string&>(), arguments == root.end() ? Json::object() : *arguments
  );
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
