// SPDX-License-Identifier: BSD-3-Clause
// The table of all filters, as that of commands.
#include "control/cli/grammar.hh"

namespace fairlead::cli {
namespace {

constexpr std::string_view kFilter = "Filters";

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
    {"include REGEX", kFilter, "the same as match", "show vip | include tcp", Target::kLocal},
    {"exclude REGEX",
     kFilter,
     "only the rows that do not match",
     "show backend | exclude up",
     Target::kLocal},
    {"csv", kFilter, "tables as comma-separated values", "show backend | csv", Target::kLocal},
    {"count",
     kFilter,
     "only the number of rows; of several tables a line each",
     "show backend | match down | count",
     Target::kLocal},
    {"expect FIELD OPERATOR VALUE",
     kFilter,
     "fails unless a field of the reply is so: for tests; list entries by number, from 0",
     "show vip web | expect vips.0.healthy >= 1",
     Target::kLocal},
    {"watch [INTERVAL] [COUNT]",
     kFilter,
     "again and again, each second if no interval is given, until Ctrl-C or COUNT times",
     "show backend | watch 1s 3",
     Target::kLocal},
};

}  // namespace

std::span<const Rule> filter_rules() {
  return kFilters;
}

}  // namespace fairlead::cli
