// SPDX-License-Identifier: BSD-3-Clause
// The table itself. A new command is one entry here, and a page in pages.cc if it shows something.
#include "control/cli/grammar.hh"

#include <cctype>
#include <sstream>

#include "dataplane/base/check.hh"

namespace fairlead::cli {
namespace {

constexpr std::string_view kLook = "Look";
constexpr std::string_view kSteer = "Steer";
constexpr std::string_view kChange = "Change";
constexpr std::string_view kExplain = "Explain";
constexpr std::string_view kRun = "Session";
constexpr std::string_view kFilter = "Filters";

constexpr Rule kCommands[] = {
    {"show status",
     kLook,
     "the node in one screen: daemons, generation, health, gate",
     "show status",
     Target::kControl},
    {"show vip [VIP]",
     kLook,
     "vips with their pools and traffic",
     "show vip web",
     Target::kControl},
    {"show backend [BACKEND] [vip VIP]",
     kLook,
     "backends: state, health, weight in force and why, share, load",
     "show backend b1 vip web",
     Target::kControl},
    {"show table VIP",
     kLook,
     "a vip's Maglev table: slots and share of each backend",
     "show table web",
     Target::kControl},
    {"show flow [vip VIP] [backend BACKEND] [worker WORKER] [file FILE]",
     kLook,
     "flow tables by worker and backend; file: of a node that does not run",
     "show flow vip web",
     Target::kControl},
    {"show flow tuple PROTOCOL SOURCE DESTINATION [file FILE]",
     kLook,
     "the one flow of a tuple",
     "show flow tuple tcp 198.51.100.7:40000 203.0.113.10:80",
     Target::kControl},
    {"show flow list [vip VIP] [backend BACKEND] [worker WORKER] [state STATE] [limit LIMIT] [file "
     "FILE]",
     kLook,
     "flows one by one, 100 if no limit is given; entries hold no addresses",
     "show flow list backend b1 state confirmed limit 20",
     Target::kControl},
    {"show flow stats [worker WORKER] [file FILE]",
     kLook,
     "how full the flow tables are, ages of flows, and the flush at work",
     "show flow stats",
     Target::kControl},
    {"show stats [vip VIP] [worker WORKER]",
     kLook,
     "packet and flow counters by worker, and the node's latency; of a vip: its own",
     "show stats vip web",
     Target::kControl},
    {"show rate [every INTERVAL] [count COUNT]",
     kLook,
     "packets, bits and new flows a second; count is 1 if left out",
     "show rate every 1s count 5",
     Target::kLocal},
    {"show drop [reason REASON]",
     kLook,
     "packets dropped or left to the kernel, by reason",
     "show drop | match flow",
     Target::kControl},
    {"show health [BACKEND] [vip VIP]",
     kLook,
     "health checks: last result, last change, flaps",
     "show health b1",
     Target::kControl},
    {"show drain [BACKEND] [vip VIP]",
     kLook,
     "drains, maintenance and disabled backends: flows left, time left, what comes then",
     "show drain",
     Target::kControl},
    {"show memory",
     kLook,
     "allocator and memory of every process, shared regions",
     "show memory",
     Target::kLocal},
    {"show port [PORT] [VIEW]",
     kLook,
     "the data plane's ports: link, counters, how packets are steered, what the device can do",
     "show port 0 xstats",
     Target::kDataplane},
    {"show core",
     kLook,
     "the data plane's workers: queues, busy, packets a second, latency of the last second",
     "show core",
     Target::kDataplane},
    {"show version",
     kLook,
     "versions of this program and of the daemons",
     "show version",
     Target::kLocal},
    {"set backend BACKEND [vip VIP] weight WEIGHT",
     kSteer,
     "another configured weight, until the configuration is loaded again",
     "set backend b1 vip web weight 50",
     Target::kControl},
    {"drain backend BACKEND [vip VIP] [deadline DEADLINE] [then THEN]",
     kSteer,
     "no new flows; what is left at the deadline is reset, or the backend removed; undrain cancels",
     "drain backend b1 deadline 10m then remove",
     Target::kControl},
    {"undrain backend BACKEND [vip VIP]",
     kSteer,
     "ends a drain, also one that is over: takes new flows again",
     "undrain backend b1",
     Target::kControl},
    {"maint backend BACKEND SWITCH [vip VIP]",
     kSteer,
     "no new flows until maint ... off: no agent, undrain or configuration lifts it",
     "maint backend b1 on",
     Target::kControl},
    {"disable backend BACKEND [vip VIP]",
     kSteer,
     "off now: its flows are decided anew at once, on other backends",
     "disable backend b1",
     Target::kControl},
    {"enable backend BACKEND [vip VIP]",
     kSteer,
     "ends disable",
     "enable backend b1",
     Target::kControl},
    {"clear flow tuple PROTOCOL SOURCE DESTINATION",
     kSteer,
     "forgets one flow: its next packet is decided anew",
     "clear flow tuple tcp 198.51.100.7:40000 203.0.113.10:80",
     Target::kControl},
    {"flush flow [vip VIP] [backend BACKEND] [rate RATE]",
     kSteer,
     "forgets the flows of a vip, a backend or both, 10000 a second if no rate is given",
     "flush flow backend b1 vip web rate 1000/s",
     Target::kControl},
    {"freeze weights",
     kSteer,
     "weights stay as they are, whatever is measured",
     "freeze weights",
     Target::kControl},
    {"thaw weights", kSteer, "weights follow measurements again", "thaw weights", Target::kControl},
    {"set worker count WORKERS",
     kSteer,
     "so many workers serve the ports' queues; no flow moves to another backend",
     "set worker count 2",
     Target::kDataplane},
    {"add port DEVICE [gateway GATEWAY]",
     kSteer,
     "one more port, until the data plane is started again",
     "add port net_tap1,iface=fltap1 gateway 192.0.2.1",
     Target::kDataplane},
    {"del port PORT",
     kSteer,
     "the workers leave the port and it is closed; flows are kept",
     "del port 1",
     Target::kDataplane},
    {"config check CONFIGURATION",
     kChange,
     "reads a file as the daemons would, asks none of them",
     "config check fairlead.yaml",
     Target::kLocal},
    {"config schema",
     kChange,
     "JSON Schema of configurations, for editors",
     "config schema",
     Target::kLocal},
    {"config load CONFIGURATION",
     kChange,
     "makes a file the pending configuration; nothing else happens yet",
     "config load fairlead.yaml",
     Target::kControl},
    {"config diff",
     kChange,
     "what the pending configuration would change: keys, slots, live flows",
     "config diff",
     Target::kControl},
    {"config commit [confirm TIME] [note NOTE]",
     kChange,
     "puts the pending configuration in force; confirm: goes back by itself unless config confirm",
     "config commit confirm 60s note 'kernel update'",
     Target::kControl},
    {"config confirm",
     kChange,
     "keeps what is on trial, and writes it to the node's file",
     "config confirm",
     Target::kControl},
    {"config rollback [REVISION] [note NOTE]",
     kChange,
     "an earlier revision comes into force again, the one before if no number is given",
     "config rollback 3",
     Target::kControl},
    {"config discard",
     kChange,
     "forgets the pending configuration",
     "config discard",
     Target::kControl},
    {"config reload",
     kChange,
     "reads the node's file again, as SIGHUP does",
     "config reload",
     Target::kControl},
    {"show config [running]",
     kChange,
     "the text that is in force",
     "show config",
     Target::kControl},
    {"show config pending",
     kChange,
     "the text that is pending",
     "show config pending",
     Target::kControl},
    {"show config history",
     kChange,
     "revisions that were in force, and what is on trial",
     "show config history",
     Target::kControl},
    {"lookup PROTOCOL SOURCE DESTINATION [why]",
     kExplain,
     "which backend a packet of this flow would go to; why: in sentences",
     "lookup tcp 198.51.100.7:40000 203.0.113.10:80 why",
     Target::kControl},
    {"help [TOPIC]",
     kRun,
     "commands, or those that start with a word",
     "help show",
     Target::kLocal},
    {"quit", kRun, "leaves; so do exit and end of input", "quit", Target::kLocal},
    {"exit", kRun, "the same as quit", "exit", Target::kLocal},
};

constexpr Rule kFilters[] = {
    {"json",
     kFilter,
     "the reply as one line of JSON, as it came from the daemon",
     "show vip | json",
     Target::kLocal},
    {"match REGEX",
     kFilter,
     "only the rows that match",
     "show backend | match down",
     Target::kLocal},
    {"count",
     kFilter,
     "only the number of rows",
     "show backend | match down | count",
     Target::kLocal},
    {"watch INTERVAL [COUNT]",
     kFilter,
     "again and again, until Ctrl-C or COUNT times",
     "show backend | watch 1s 3",
     Target::kLocal},
};

Element element(const std::string& text) {
  const bool value = std::isupper(static_cast<unsigned char>(text.front())) != 0;
  return value ? Element{text, &value_kind(text)} : Element{text, nullptr};
}

Pattern compile(const Rule& rule) {
  Pattern pattern;
  pattern.rule = &rule;
  std::istringstream words{std::string(rule.pattern)};
  std::string word;
  bool in_group = false;
  bool leading = true;
  while (words >> word) {
    if (word.front() == '[') {
      FL_CHECK(!in_group);
      in_group = true;
      pattern.groups.push_back(Group{{}, pattern.required.size(), false});
      word.erase(0, 1);
    }
    const bool closes = word.back() == ']';
    if (closes) word.pop_back();
    Element next = element(word);
    leading = leading && !in_group && next.kind == nullptr;
    if (leading) pattern.name += (pattern.name.empty() ? "" : " ") + word;
    if (in_group) {
      if (pattern.groups.back().elements.empty()) {
        pattern.groups.back().alone = word == rule.alone;
      }
      pattern.groups.back().elements.push_back(std::move(next));
    } else {
      pattern.required.push_back(std::move(next));
    }
    if (closes) in_group = false;
  }
  FL_CHECK(!in_group && !pattern.required.empty());
  return pattern;
}

std::vector<Pattern> compile_all(std::span<const Rule> rules) {
  std::vector<Pattern> patterns;
  for (const Rule& rule : rules) patterns.push_back(compile(rule));
  return patterns;
}

}  // namespace

std::span<const Rule> command_rules() {
  return kCommands;
}

std::span<const Rule> filter_rules() {
  return kFilters;
}

const std::vector<Pattern>& command_patterns() {
  static const std::vector<Pattern> patterns = compile_all(kCommands);
  return patterns;
}

const std::vector<Pattern>& filter_patterns() {
  static const std::vector<Pattern> patterns = compile_all(kFilters);
  return patterns;
}

}  // namespace fairlead::cli
