// SPDX-License-Identifier: BSD-3-Clause
// The table of ipvsadm's letters, as that of commands.
#include "control/cli/grammar.hh"

namespace fairlead::cli {
namespace {

constexpr std::string_view kIpvs = "As ipvsadm";

constexpr Rule kRules[] = {
    {"ipvs -L [-n] [--stats] [--rate] [-c]",
     kIpvs,
     "vips and backends as ipvsadm lists them; numbers are always numeric, --rate looks twice in a "
     "second",
     "ipvs -L -n --stats",
     Target::kLocal,
     "",
     "show backend"},
    {"ipvs -l [-n] [--stats] [--rate] [-c]",
     kIpvs,
     "the same",
     "ipvs -l -n",
     Target::kLocal,
     "",
     "show backend"},
    {"ipvs -A FLAG SERVICE [-s SCHEDULER]",
     kIpvs,
     "add vip, pending",
     "ipvs -A -t 203.0.113.20:443 -s mh",
     Target::kLocal,
     "",
     "config edit"},
    {"ipvs -D FLAG SERVICE",
     kIpvs,
     "del vip, pending",
     "ipvs -D -t 203.0.113.10:80",
     Target::kLocal,
     "",
     "config edit"},
    {"ipvs -a FLAG SERVICE -r SERVER [-w WEIGHT] [-i] [-g] [-m]",
     kIpvs,
     "add backend, pending; -i ipip, -g l2, as the vip has it; -m is refused: there is no NAT",
     "ipvs -a -t 203.0.113.10:80 -r 10.0.0.9 -w 50",
     Target::kLocal,
     "",
     "config edit"},
    {"ipvs -e FLAG SERVICE -r SERVER -w WEIGHT [-i] [-g] [-m]",
     kIpvs,
     "set backend ... weight: at once, until the configuration is loaded again",
     "ipvs -e -t 203.0.113.10:80 -r 10.0.0.1 -w 50",
     Target::kLocal,
     "",
     "set backend"},
    {"ipvs -d FLAG SERVICE -r SERVER",
     kIpvs,
     "del backend, pending; drain it first",
     "ipvs -d -t 203.0.113.10:80 -r 10.0.0.1",
     Target::kLocal,
     "",
     "config edit"},
    {"ipvs -Z [FLAG SERVICE]",
     kIpvs,
     "clear stats, or clear stats vip",
     "ipvs -Z",
     Target::kLocal,
     "",
     "clear stats"},
    {"ipvs -S [-n]",
     kIpvs,
     "vips and backends as lines for ipvs -R; config save keeps what they cannot say",
     "ipvs -S -n",
     Target::kLocal,
     "",
     "show backend"},
    {"ipvs -R COMMANDS",
     kIpvs,
     "runs such lines from a file, -: standard input; pending, config commit puts them in force; "
     "what is there already stays",
     "ipvs -R saved.txt",
     Target::kLocal,
     "",
     "config edit"},
    {"ipvs -E FLAG SERVICE [-s SCHEDULER]",
     kIpvs,
     "refused: every vip has the same scheduler, set vip changes other keys",
     "ipvs -E -t 203.0.113.10:80 -s mh",
     Target::kLocal},
    {"ipvs -C",
     kIpvs,
     "del vip for all, pending: nothing happens before config commit, which wants a vip again",
     "ipvs -C",
     Target::kLocal,
     "",
     "config edit"},
};

}  // namespace

std::span<const Rule> ipvs_rules() {
  return kRules;
}

}  // namespace fairlead::cli
