// SPDX-License-Identifier: BSD-3-Clause
// fairlead-dataplane: reads the command line, then forwards or replays.
#include <cstdio>

#include "dataplane/options.hh"

namespace {

int report(const fairlead::base::Error& error) {
  std::fprintf(stderr, "fairlead-dataplane: %s\n", error.what.c_str());
  return fairlead::base::exit_status(error);
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = fairlead::dataplane::parse_options(argc, argv);
  if (!options) return report(options.error());
  if (!options->text.empty()) {
    std::fputs(options->text.c_str(), stdout);
    return 0;
  }
  return 0;
}
